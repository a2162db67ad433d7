import { readFile } from "node:fs/promises";
import type { LabHost } from "@holdfast/lab";

/** Configuration, without what ovs-vswitchd counts and measures. */
const COLUMNS = {
  Bridge: "name,ports,external_ids,datapath_type,fail_mode,other_config,controller",
  Port: "name,interfaces,tag,trunks,vlan_mode,external_ids",
  Interface: "name,type,ofport,ofport_request,options,external_ids,mtu_request",
};

/** Watches a host's switch database from outside; disposing ends it. */
export interface SwitchWatch extends AsyncDisposable {
  /** Rows that were inserted, deleted or changed since the start, e.g. `"Port: 5b1f…,delete,hfp1000,…"`. */
  changes(): Promise<readonly string[]>;
}

let watches = 0;

export async function watchSwitch(host: LabHost, signal: AbortSignal): Promise<SwitchWatch> {
  watches += 1;
  const suffix = watches;
  const logs = await Promise.all(
    Object.entries(COLUMNS).map(async ([table, columns]) => {
      const argv = ["ovsdb-client", "--format=csv", "--no-headings", "monitor", "Open_vSwitch", table, columns];
      const name = `watch-${table}-${suffix}`;
      const ready = { kind: "line", pattern: /,initial,/ } as const;
      return { table, name, log: (await host.spawn(argv, { name, ready, signal })).log };
    }),
  );
  return {
    async changes() {
      const texts = await Promise.all(
        logs.map(async ({ table, log }) => ({ table, text: await readFile(log, "utf8") })),
      );
      return texts.flatMap(({ table, text }) =>
        text.split("\n").flatMap((row) => (row === "" || row.split(",", 2)[1] === "initial" ? [] : `${table}: ${row}`)),
      );
    },
    [Symbol.asyncDispose]: async () => {
      for (const { name } of logs) await host.stop(name, AbortSignal.timeout(10_000));
    },
  };
}
