import { createInterface } from "node:readline";
import type { ProbeLog } from "./probe-log.ts";

/**
 * The side of a probe's process that talks to the lab: `report` on stdin is answered by one line of JSON on stdout; the end of
 * stdin, which also comes when the lab's process is killed, ends the probe.
 */
export function serveProbe(log: ProbeLog, onEnd: () => void): void {
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    if (line === "report") process.stdout.write(`${JSON.stringify(log.report(performance.now()))}\n`);
  });
  lines.on("close", () => {
    onEnd();
    process.exit(0);
  });
}

/** Tells the lab that the first probe was answered. */
export function announceReady(): void {
  process.stdout.write("ready\n");
}
