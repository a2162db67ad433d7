/**
 * A program: sends numbered UDP datagrams to an echo at a steady pace. Arguments: address, port, pause in milliseconds.
 */
import { createSocket } from "node:dgram";
import { ProbeLog } from "./probe-log.ts";
import { announceReady, serveProbe } from "./probe-process.ts";

/** After a stall of the machine no more than this many probes are sent at once: a burst would measure queues. */
const LONGEST_BURST = 4;

const [address = "", port = "", pause = "1"] = process.argv.slice(2);
const interval = Number(pause);
const run = Math.floor(Math.random() * 0xffff_ffff);
const log = new ProbeLog();
const socket = createSocket(address.includes(":") ? "udp6" : "udp4");
let sequence = 0;
let due = performance.now();

function tick(): void {
  const now = performance.now();
  due = Math.max(due, now - LONGEST_BURST * interval);
  for (; due <= now; due += interval) send();
}

function send(): void {
  const probe = Buffer.alloc(8);
  probe.writeUInt32BE(run, 0);
  probe.writeUInt32BE(sequence, 4);
  log.sent(sequence, performance.now());
  sequence += 1;
  // A probe that the kernel refuses is a lost one.
  socket.send(probe, Number(port), address, () => {});
}

socket.on("message", (message) => {
  const at = performance.now();
  if (message.length !== 8 || message.readUInt32BE(0) !== run) return;
  if (log.answered(message.readUInt32BE(4), at)) announceReady();
});
// An ICMP error shows as a lost probe.
socket.on("error", () => {});
const timer = setInterval(tick, Math.max(1, Math.floor(interval)));
serveProbe(log, () => clearInterval(timer));
