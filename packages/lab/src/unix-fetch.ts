import { request } from "node:http";
import { Readable } from "node:stream";

/** A `fetch` that reaches an HTTP server over a unix socket, whatever host the address names. */
export function unixFetch(socketPath: string): typeof fetch {
  return (async (input: string | URL, init: RequestInit = {}) => {
    const url = new URL(input);
    return await new Promise<Response>((resolve, reject) => {
      const outgoing = request(
        {
          socketPath,
          path: url.pathname + url.search,
          method: init.method ?? "GET",
          headers: { ...(init.headers as Record<string, string>), host: url.host },
          ...(init.signal === undefined || init.signal === null ? {} : { signal: init.signal }),
        },
        (incoming) => {
          const status = incoming.statusCode ?? 500;
          const body = status === 204 ? null : (Readable.toWeb(incoming) as ReadableStream<Uint8Array>);
          if (body === null) incoming.resume();
          resolve(new Response(body, { status, headers: { "content-type": incoming.headers["content-type"] ?? "" } }));
        },
      );
      outgoing.once("error", reject);
      outgoing.end(init.body as string | undefined);
    });
  }) as typeof fetch;
}
