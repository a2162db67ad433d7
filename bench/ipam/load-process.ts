/**
 * One process of clients: each sends a request, waits for the answer, sends the next, on a connection of its own, until the time is over or
 * enough was sent. Of several loads one goes after the other, round by round, so that what the machine does meanwhile is in all of them.
 *
 * Raw sockets and as little work per answer as a check of it takes, because the controller needs the cores.
 *
 * Arguments: {@link Load}s as JSON, the number of rounds. Prints the {@link LoadResult} of each load as JSON.
 */
import { connect, type Socket } from "node:net";
import type { Load, LoadResult } from "./load.ts";
import { PartialReply } from "./partial-reply.ts";

const loads = JSON.parse(process.argv[2] ?? "") as readonly Load[];
const rounds = Number(process.argv[3]);
const all = loads.map((load) => ({
  load,
  next: 0,
  elapsed: 0,
  milliseconds: [] as number[],
  addresses: [] as string[],
}));
type Running = (typeof all)[number];

for (let round = 1; round <= rounds; round++) for (const one of all) await run(one, round);
const results = all.map(({ elapsed, milliseconds, addresses }): LoadResult => {
  return { elapsedSeconds: elapsed / 1000, milliseconds, addresses };
});
process.stdout.write(JSON.stringify(results));

async function run(one: Running, round: number): Promise<void> {
  const { clients, seconds, requests = Number.POSITIVE_INFINITY } = one.load;
  const sockets = await Promise.all(Array.from({ length: clients }, () => open(one.load.port)));
  const started = performance.now();
  const until = { next: round * requests, time: started + (seconds ?? Number.POSITIVE_INFINITY) * 1000 };
  await Promise.all(sockets.map((socket) => requestUntil(one, socket, until)));
  one.elapsed += performance.now() - started;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => resolve(socket));
    socket.setNoDelay(true).once("error", reject);
  });
}

function requestUntil(one: Running, socket: Socket, until: { next: number; time: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    const reply = new PartialReply();
    let sent = 0;
    const goOn = (): void => {
      if (one.next < until.next && performance.now() < until.time) {
        const request = requestOf(one.load, one.next++);
        sent = performance.now();
        socket.write(request);
        return;
      }
      socket.removeAllListeners("close").destroy();
      resolve();
    };
    socket.on("error", reject);
    socket.on("close", () => reject(new TypeError("the controller closed the connection")));
    socket.on("data", (chunk: Buffer) => {
      const complete = reply.take(chunk);
      if (complete === undefined) return;
      const address = /"addresses":\["([^"]+)"/.exec(complete.body)?.[1];
      if (complete.status >= 300 || address === undefined) {
        return reject(new TypeError(`not a success: ${complete.status} ${complete.body}`));
      }
      one.milliseconds.push(performance.now() - sent);
      one.addresses.push(address);
      goOn();
    });
    goOn();
  });
}

function requestOf(load: Load, number: number): string {
  const body = filledIn(load.body, number);
  const head = `POST ${filledIn(load.path, number)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json`;
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function filledIn(template: string, number: number): string {
  return template.replaceAll("#", String(number)).replaceAll("%", String(number % 100));
}
