import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { IpAddress } from "@holdfast/core";
import { Ping } from "@holdfast/netlink/testing";
import type { Probe, Round } from "./prober.ts";

/**
 * What runs inside a sandbox of the matrix: answers on its ports with its name, and tries many others at once, as a line of JSON on standard input says.
 * Argument: the name.
 */

const PORTS = [7080, 7081];
const [, , NAME = ""] = process.argv;

for (const port of PORTS) {
  const udp = createSocket({ type: "udp6" });
  udp.on("message", (message, from) =>
    udp.send(`${String(message)} ${NAME}`, from.port, from.address, () => undefined),
  );
  await new Promise<void>((resolve) => udp.bind(port, "::", resolve));
  const tcp = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.resume();
    socket.write(NAME);
  });
  await new Promise<void>((resolve) => void tcp.listen(port, "::", 1024, resolve));
}

/** Sends everything at once. Of each probe whether who was meant has answered in time; a ping's answer says nobody's name. */
async function carryOut({ probes, patience }: Round): Promise<boolean[]> {
  const reached = probes.map(() => false);
  const numbered = probes.map((probe, index) => ({ probe, index }));
  const of = (protocol: Probe["protocol"]) => numbered.filter(({ probe }) => probe.protocol === protocol);
  const pings = of("icmp").map(({ probe, index }) => ({ index, ping: new Ping(IpAddress.parse(probe.to)) }));
  const sockets = of("tcp").map(({ probe: { to, port, who }, index }) => {
    const socket = connect({ host: to, port });
    socket.on("data", (name) => {
      reached[index] = String(name) === who;
      socket.resetAndDestroy();
    });
    socket.on("error", () => undefined);
    return socket;
  });
  const speakers = (["udp4", "udp6"] as const).map((type) => {
    const speaker = createSocket({ type });
    speaker.on("error", () => undefined);
    speaker.on("message", (message) => {
      const [index, name] = String(message).split(" ");
      if (name === probes[Number(index)]?.who) reached[Number(index)] = true;
    });
    for (const { probe, index } of of("udp")) {
      if (probe.to.includes(":") === (type === "udp6")) speaker.send(String(index), probe.port, probe.to);
    }
    return speaker;
  });
  await delay(patience);
  for (const { index, ping } of pings) {
    reached[index] = ping.isAnswered;
    ping[Symbol.dispose]();
  }
  for (const socket of sockets) socket.destroy();
  for (const speaker of speakers) speaker.close();
  return reached;
}

process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const reached = await carryOut(JSON.parse(line) as Round);
  process.stdout.write(`${reached.map(Number).join("")}\n`);
}
process.exit(0);
