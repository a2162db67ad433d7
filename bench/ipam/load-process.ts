/**
 * One process of clients: each makes a claim, waits for the answer, makes the next, on a connection of its own, until the time is over.
 *
 * Raw sockets and as little work per answer as a check of it takes, because the controller needs the cores. Prints a {@link LoadResult}.
 *
 * Arguments: port, path of the claims, clients, seconds, prefix of the identities, Authorization is not sent.
 */
import { connect, type Socket } from "node:net";
import { PartialReply } from "./partial-reply.ts";

const [port = "", path = "", clients = "", seconds = "", prefix = ""] = process.argv.slice(2);
const milliseconds: number[] = [];
const addresses: string[] = [];
let next = 0;

const sockets = await Promise.all(Array.from({ length: Number(clients) }, open));
const started = performance.now();
const end = started + Number(seconds) * 1000;
await Promise.all(sockets.map(claimUntilEnd));
const elapsed = (performance.now() - started) / 1000;
process.stdout.write(JSON.stringify({ elapsed, milliseconds, addresses }));

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), "127.0.0.1", () => resolve(socket));
    socket.setNoDelay(true).once("error", reject);
  });
}

function claimUntilEnd(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const reply = new PartialReply();
    let sent = 0;
    const send = (): void => {
      const body = `{"identity":"${prefix}${next++}"}`;
      sent = performance.now();
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      );
    };
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the controller closed the connection")));
    socket.on("data", (chunk: Buffer) => {
      const complete = reply.take(chunk);
      if (complete === undefined) return;
      const now = performance.now();
      const address = /^\{.*?"addresses":\["([^"]+)"/.exec(complete.body)?.[1];
      if (complete.status !== 201 || address === undefined) {
        return reject(new Error(`not a claim: ${complete.status} ${complete.body}`));
      }
      milliseconds.push(now - sent);
      addresses.push(address);
      if (now < end) return send();
      socket.removeAllListeners("close").destroy();
      resolve();
    });
    send();
  });
}
