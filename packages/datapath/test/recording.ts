import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { silentLogger, systemClock } from "@holdfast/core";
import { connectOvsdb, OPEN_VSWITCH_MONITORS } from "@holdfast/ovsdb";
import type { Host } from "./fabric.ts";

/** Everything that somebody does to a machine's switch and links, as texts, until it is stopped. */
export async function record(host: Host, bridges: readonly string[]): Promise<{ stop(): Promise<readonly string[]> }> {
  const seen: string[] = [];
  const ended = new AbortController();
  const kernel = await host.kernel.enter(host.path);
  const links = (async () => {
    for await (const event of kernel.watch(ended.signal)) {
      if (event.kind !== "neighbour") seen.push(`kernel ${JSON.stringify(event)}`);
    }
  })();
  const client = await connectOvsdb(
    { logger: silentLogger, clock: systemClock },
    { path: host.ovs.socket, database: "Open_vSwitch", monitors: OPEN_VSWITCH_MONITORS, signal: ended.signal },
  );
  const rows = (async () => {
    for await (const { table, uuid, after } of client.watch(ended.signal)) {
      seen.push(`database ${table} ${uuid} ${after === undefined ? "deleted" : JSON.stringify(after.columns)}`);
    }
  })();
  const monitors = bridges.map((bridge) => watchFlows(host, bridge, (line) => seen.push(`${bridge} ${line}`)));
  await Promise.all(monitors.map((monitor) => monitor.ready));
  return {
    async stop() {
      ended.abort();
      for (const monitor of monitors) await monitor.stop();
      await client.close();
      await kernel.close();
      await Promise.allSettled([links, rows]);
      return seen;
    },
  };
}

function watchFlows(host: Host, bridge: string, onEvent: (line: string) => void) {
  const args = ["monitor", host.ovs.managementSocket(bridge), "watch:!initial"];
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "ovs-ofctl", ...args], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", OVS_RUNDIR: host.ovs.rundir },
  });
  const ready = Promise.withResolvers<void>();
  const closed = once(child, "close");
  const read = (line: string): void => {
    if (line.includes("event=")) onEvent(line.trim());
    else if (line.includes("NXST_FLOW_MONITOR reply")) ready.resolve();
  };
  // The first answer is on standard output, news are on standard error.
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on("line", read);
  return {
    ready: ready.promise,
    async stop() {
      // It writes out what it holds back when it is ended gently.
      child.kill("SIGTERM");
      await closed;
    },
  };
}
