import { Readable } from "node:stream";
import type { CliIo } from "../io.ts";
import { runCli } from "../program.ts";

export type Answer = { readonly status?: number; readonly body?: unknown; readonly text?: string };

/** A terminal, and a controller that answers by `METHOD path`; several answers are given in turn. */
export function terminal(
  answers: Readonly<Record<string, Answer | readonly Answer[]>> = {},
  files: Readonly<Record<string, string | Uint8Array>> = {},
) {
  const seen: { request: string; query: string; body: unknown }[] = [];
  const screen = { out: "", err: "" };
  const io: CliIo = {
    out: (text) => {
      screen.out += text;
    },
    err: (text) => {
      screen.err += text;
    },
    environment: { HOLDFAST_SERVER: "http://c" },
    readFile: (path) => Promise.resolve(String(files[path] ?? "")),
    readBytes: (path) => {
      const content = files[path];
      if (content === undefined) return failing(Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" }));
      return Readable.from(typeof content === "string" ? [new TextEncoder().encode(content)] : [content]);
    },
    fetch: ((url: string, init: RequestInit) => {
      const [path = "", query = ""] = url.replace("http://c", "").split("?");
      const request = `${init.method ?? "GET"} ${path}`;
      const before = seen.filter((one) => one.request === request).length;
      seen.push({ request, query, body: init.body === undefined ? undefined : JSON.parse(init.body as string) });
      const known = answers[request] ?? notThere(request);
      const inTurn: readonly Answer[] = Array.isArray(known) ? known : [known];
      const { status = 200, body, text } = inTurn[Math.min(before, inTurn.length - 1)] ?? {};
      if (text !== undefined) return Promise.resolve(new Response(text, { status }));
      return Promise.resolve(status === 204 ? new Response(null, { status }) : Response.json(body, { status }));
    }) as typeof fetch,
    now: () => new Date("2026-11-20T10:05:12.000Z"),
    wait: () => Promise.resolve(),
    signal: new AbortController().signal,
  };
  return {
    io,
    seen,
    screen,
    run: (line: string | readonly string[]) => runCli(typeof line === "string" ? line.split(" ") : line, io),
  };
}

/** A file that cannot be read, as node:fs says it: when somebody reads. */
function failing(error: Error): AsyncIterable<Uint8Array> {
  return { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(error) }) };
}

function notThere(request: string): Answer {
  const detail = `${request} is not there`;
  return { status: 404, body: { type: "", title: "", status: 404, detail, code: "not_found", retryable: false } };
}
