/**
 * A program: pings an address about 600 times a second by busybox, which needs nothing at the other side. Argument: address.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { ProbeLog } from "./probe-log.ts";
import { announceReady, serveProbe } from "./probe-process.ts";

const [address = ""] = process.argv.slice(2);
const log = new ProbeLog();
const ping = spawn("/bin/busybox", ["ping", "-i", "0.001", address], { stdio: ["ignore", "pipe", "inherit"] });
let highest = 0;

/** The protocol counts in 16 bits (RFC 792); the nearest to the last one is meant. */
function unwrapped(sequence: number): number {
  const distance = ((sequence - (highest & 0xffff) + 0x8000) & 0xffff) - 0x8000;
  return Math.max(0, highest + distance);
}

createInterface({ input: ping.stdout }).on("line", (line) => {
  const at = performance.now();
  const match = / seq=(\d+) .*time=([\d.]+) ms/.exec(line);
  if (match === null) return;
  const sequence = unwrapped(Number(match[1]));
  highest = Math.max(highest, sequence);
  log.sent(sequence, at - Number(match[2]));
  if (log.answered(sequence, at)) announceReady();
});
ping.on("exit", (code) => process.exit(code ?? 1));
serveProbe(log, () => ping.kill("SIGKILL"));
