import { afterEach, beforeEach, describe } from "vitest";
import type { AttachedPort, DatapathDriver } from "../driver.ts";
import { attach } from "./driver-attach.ts";
import type { DriverContext, DriverEnvironment, DriverTraits } from "./driver-context.ts";
import { detach } from "./driver-detach.ts";
import { desiredState } from "./driver-networks.ts";
import { observation } from "./driver-observation.ts";
import { publishedPorts } from "./driver-ports.ts";
import { restarts } from "./driver-restart.ts";
import { wiring } from "./parties.ts";

/** What every driver must do, whatever it carries frames with. */
export function driverCompliance(
  name: string,
  { networks }: DriverTraits,
  start: () => Promise<DriverEnvironment>,
): void {
  describe(`${name} as a data path driver`, () => {
    let machine: DriverEnvironment;
    let driver: DatapathDriver;
    let signal: AbortSignal;

    const open = async (): Promise<void> => {
      driver = await machine.open();
      driver.setNetwork(networks.first);
      driver.setNetwork(networks.other);
    };
    beforeEach(async () => {
      signal = AbortSignal.timeout(20_000);
      machine = await start();
      await open();
    });
    afterEach(async () => {
      await driver.close();
      await machine[Symbol.asyncDispose]();
    });

    const link = (name: string) => machine.kernel.getLink(name);
    const context: DriverContext = {
      networks,
      endpoints: {
        a: wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]),
        b: wiring("b", "n7", ["10.20.0.6"]),
        c: wiring("c", "n8", ["10.30.0.5"]),
      },
      machine: () => machine,
      driver: () => driver,
      signal: () => signal,
      link,
      async isFree(port: AttachedPort) {
        const [near, far] = [await link(port.hostInterface), await link(port.containerInterface)];
        if (near === undefined) return far === undefined;
        return far?.up === false && !near.alias?.endsWith(" a") && !near.alias?.endsWith(" b");
      },
      async restart() {
        await driver.close();
        await open();
      },
    };
    attach(context);
    detach(context);
    restarts(context);
    publishedPorts(context);
    desiredState(context);
    observation(context);
  });
}
