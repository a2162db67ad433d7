/**
 * One process of clients: each sends a request, waits for the answer, sends the next, on a connection of its own, until the time is over or
 * enough was sent.
 *
 * Raw sockets and as little work per answer as a check of it takes, because the controller needs the cores.
 *
 * Argument: a {@link Load} as JSON. Prints a {@link LoadResult} as JSON.
 */
import { connect, type Socket } from "node:net";
import type { Load, LoadResult } from "./load.ts";
import { PartialReply } from "./partial-reply.ts";

const load = JSON.parse(process.argv[2] ?? "") as Load;
const milliseconds: number[] = [];
const addresses: string[] = [];
let next = 0;

const sockets = await Promise.all(Array.from({ length: load.clients }, open));
const started = performance.now();
const end = load.seconds === undefined ? Number.POSITIVE_INFINITY : started + load.seconds * 1000;
const most = load.requests ?? Number.POSITIVE_INFINITY;
await Promise.all(sockets.map(requestUntilEnd));
const elapsedSeconds = (performance.now() - started) / 1000;
process.stdout.write(JSON.stringify({ elapsedSeconds, milliseconds, addresses } satisfies LoadResult));

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(load.port, "127.0.0.1", () => resolve(socket));
    socket.setNoDelay(true).once("error", reject);
  });
}

function requestUntilEnd(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const reply = new PartialReply();
    let sent = 0;
    const goOn = (): void => {
      if (next < most && performance.now() < end) {
        const request = nextRequest();
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
      milliseconds.push(performance.now() - sent);
      addresses.push(address);
      goOn();
    });
    goOn();
  });
}

function nextRequest(): string {
  const number = next++;
  const body = filledIn(load.body, number);
  const head = `POST ${filledIn(load.path, number)} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json`;
  return `${head}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
}

function filledIn(template: string, number: number): string {
  return template.replaceAll("#", String(number)).replaceAll("%", String(number % 100));
}
