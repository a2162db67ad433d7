import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What a peer was asked. */
export interface AskedOfPeer {
  readonly method: string;
  /** Without what is behind the question mark. */
  readonly path: string;
  /** What is behind it; empty: nothing. */
  readonly query: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** How a peer answers; undefined: it breaks the connection off; silent: not at all. */
export type PeerAnswer = { readonly status: number; readonly body: unknown } | "silent" | undefined;

/** Speaks HTTP in a cluster's place and says what a test wants it to. */
export interface SearchPeer extends AsyncDisposable {
  readonly address: URL;
  readonly asked: readonly AskedOfPeer[];
}

export async function startSearchPeer(answer: (asked: AskedOfPeer) => PeerAnswer): Promise<SearchPeer> {
  const asked: AskedOfPeer[] = [];
  const server = createServer((request, response) => {
    void read(request).then((one) => {
      asked.push(one);
      reply(response, answer(one));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function read(request: IncomingMessage): Promise<AskedOfPeer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk as Uint8Array);
  const { method = "GET", url = "/", headers } = request;
  const { authorization } = headers;
  const [path = "", query = ""] = url.split("?");
  return { method, path, query, authorization, body: Buffer.concat(chunks).toString("utf8") };
}

function reply(response: ServerResponse, answer: PeerAnswer): void {
  if (answer === "silent") return;
  if (answer === undefined) return void response.destroy();
  response.writeHead(answer.status, { "content-type": "application/json" }).end(JSON.stringify(answer.body));
}
