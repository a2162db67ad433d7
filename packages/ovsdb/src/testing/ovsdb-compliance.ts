import { describe } from "vitest";
import { bridgeCompliance } from "./bridge-compliance.ts";
import { monitorCompliance } from "./monitor-compliance.ts";
import { type OvsdbSubject, useOvsdb } from "./ovsdb-fixture.ts";
import { portCompliance } from "./port-compliance.ts";
import { reconnectCompliance } from "./reconnect-compliance.ts";
import { transactionCompliance } from "./transaction-compliance.ts";

export type { OvsdbSubject } from "./ovsdb-fixture.ts";

/** What must hold for the client and the switch's typed rows, whatever serves the database. */
export function ovsdbCompliance(name: string, start: () => Promise<OvsdbSubject>): void {
  describe(`OVSDB client over ${name}`, () => {
    const fixture = useOvsdb(start);
    bridgeCompliance(fixture);
    portCompliance(fixture);
    transactionCompliance(fixture);
    monitorCompliance(fixture);
    reconnectCompliance(fixture);
  });
}
