import { execFile } from "node:child_process";
import { createSocket } from "node:dgram";
import { connect, createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { IpAddress } from "@holdfast/core";
import { Ping } from "@holdfast/netlink/testing";

/** What runs inside a sandbox of a policy test: answers on its ports, and tries what a line of JSON on standard input says. */

const PORTS = [7080, 7081, 7082, 7083, 7090, 7091];
/** Milliseconds: beyond them nothing comes any more, on one machine. */
const PATIENCE = Number(process.argv[2] ?? 400);

interface Task {
  readonly id: number;
  readonly kind: "tcp" | "udp" | "icmp" | "refused" | "connect" | "echo" | "again" | "ask" | "hear" | "speak";
  readonly to: string;
  readonly port?: number;
  readonly sourcePort?: number;
  readonly bytes?: number;
  readonly connection?: number;
}

/** Those that this one has begun, by the task. */
const connections = new Map<number, Socket>();
const echoes = new Map<number, Ping>();
/** Those that others have begun. */
const accepted = new Set<Socket>();

for (const port of PORTS) {
  const udp = createSocket({ type: "udp6", reuseAddr: true });
  udp.on("message", (message, from) => udp.send(message, from.port, from.address, () => undefined));
  await new Promise<void>((resolve) => udp.bind(port, "::", resolve));
  const tcp = createServer((socket) => {
    accepted.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => accepted.delete(socket));
    socket.pipe(socket);
  });
  await new Promise<void>((resolve) => void tcp.listen(port, "::", resolve));
}

function within(work: (done: (passed: boolean) => void) => void): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), PATIENCE);
    work((passed) => {
      clearTimeout(timer);
      resolve(passed);
    });
  });
}

function tcp({ to, port = 0, sourcePort }: Task): Promise<boolean> {
  return within((done) => {
    const socket = connect({ host: to, port, ...(sourcePort === undefined ? {} : { localPort: sourcePort }) });
    socket.on("connect", () => {
      socket.resetAndDestroy();
      done(true);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code === "ECONNREFUSED"));
    setTimeout(() => socket.destroy(), PATIENCE);
  });
}

async function udp({ to, port = 0, sourcePort, bytes = 1 }: Task): Promise<boolean> {
  const socket = createSocket({ type: to.includes(":") ? "udp6" : "udp4", reuseAddr: true });
  const passed = await within((done) => {
    socket.on("message", () => done(true));
    socket.on("error", () => done(false));
    socket.bind(sourcePort ?? 0, () => socket.send("?".repeat(bytes), port, to, () => undefined));
  });
  socket.close();
  return passed;
}

async function refused({ to, port = 0 }: Task): Promise<boolean> {
  const socket = createSocket({ type: to.includes(":") ? "udp6" : "udp4" });
  const passed = await within((done) => {
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code === "ECONNREFUSED"));
    socket.connect(port, to, () => socket.send("?"));
  });
  socket.close();
  return passed;
}

function icmp({ to }: Task): Promise<boolean> {
  return new Promise((resolve) => {
    execFile("ping", ["-n", "-q", "-c", "1", "-W", String(PATIENCE / 1000), to], (error) => resolve(error === null));
  });
}

function open({ id, to, port = 0 }: Task): Promise<boolean> {
  return within((done) => {
    const socket = connect({ host: to, port, noDelay: true });
    socket.on("connect", () => {
      connections.set(id, socket);
      done(true);
    });
    socket.on("error", () => done(false));
  });
}

async function echo({ id, to }: Task): Promise<boolean> {
  const ping = new Ping(IpAddress.parse(to));
  echoes.set(id, ping);
  return await isEchoed(ping);
}

async function again({ connection = 0 }: Task): Promise<boolean> {
  const ping = echoes.get(connection);
  ping?.ask();
  return await isEchoed(ping);
}

async function isEchoed(ping: Ping | undefined): Promise<boolean> {
  for (const end = performance.now() + PATIENCE; performance.now() < end; await delay(5)) {
    if (ping?.isAnswered === true) return true;
  }
  return false;
}

function ask({ connection = 0 }: Task): Promise<boolean> {
  const socket = connections.get(connection);
  socket?.write("?");
  return heard(socket);
}

function hear({ connection = 0 }: Task): Promise<boolean> {
  return heard(connections.get(connection));
}

function heard(socket: Socket | undefined): Promise<boolean> {
  if (socket === undefined) return Promise.resolve(false);
  return within((done) => {
    socket.once("data", () => done(true));
  });
}

async function speak({ port }: Task): Promise<boolean> {
  for (const socket of accepted) if (socket.localPort === port) socket.write("!");
  return true;
}

const WORK = { tcp, udp, icmp, refused, connect: open, echo, again, ask, hear, speak };
process.stdout.write("ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const task = JSON.parse(line) as Task;
  void WORK[task.kind](task).then((passed) => process.stdout.write(`${JSON.stringify({ id: task.id, passed })}\n`));
}
process.exit(0);
