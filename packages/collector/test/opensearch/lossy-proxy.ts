import { createServer, type IncomingMessage, request } from "node:http";
import type { AddressInfo } from "node:net";

/** Stands before a server and loses answers: the server has done what it was asked for, and nobody hears of it. */
export interface LossyProxy extends AsyncDisposable {
  readonly address: URL;
  readonly lost: number;
}

/** @param paths of every third request to which the answer is lost */
export async function startLossyProxy(to: URL, paths: RegExp): Promise<LossyProxy> {
  let [count, lost] = [0, 0];
  const server = createServer((incoming, response) => {
    void (async () => {
      const body = await bytesOf(incoming);
      const path = incoming.url ?? "/";
      const answer = await forward(new URL(path, to), incoming, body);
      if (paths.test(path) && count++ % 3 === 0) {
        lost += 1;
        response.destroy();
        return;
      }
      response.writeHead(answer.status, { "content-type": "application/json" }).end(answer.body);
      // A server that is not there answers nothing.
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    get lost() {
      return lost;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function forward(
  url: URL,
  { method, headers }: IncomingMessage,
  body: Uint8Array,
): Promise<{ readonly status: number; readonly body: Uint8Array }> {
  return new Promise((resolve, reject) => {
    const { host: _, ...others } = headers;
    const outgoing = request(url, { method: method ?? "GET", headers: others }, (answer) => {
      bytesOf(answer).then((bytes) => resolve({ status: answer.statusCode ?? 500, body: bytes }), reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

async function bytesOf(stream: IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk as Uint8Array);
  return Buffer.concat(chunks);
}
