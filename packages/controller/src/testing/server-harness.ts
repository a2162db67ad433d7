import { connect } from "node:net";
import { readOptions } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { openMemoryStore, type Store } from "@holdfast/store";
import { controllerOptions } from "../config.ts";
import { type Controller, createController } from "../controller.ts";

/** What came back. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as JSON; undefined when it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
  readonly json: any;
}

/** A controller that listens on a free port of the loopback address. */
export interface ServerHarness extends AsyncDisposable {
  readonly controller: Controller;
  readonly store: Store;
  readonly clock: ManualClock;
  readonly logger: RecordingLogger;
  readonly base: string;
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Bytes as they are, and all that comes back until the connection is closed. */
  raw(bytes: string): Promise<string>;
}

export async function startServer(
  parts: { store?: Store; clock?: ManualClock; flags?: Record<string, string> } = {},
): Promise<ServerHarness> {
  const { clock = new ManualClock() } = parts;
  const store = parts.store ?? openMemoryStore({ clock });
  const logger = new RecordingLogger();
  const flags = { listen: "127.0.0.1:0", ...parts.flags };
  const controller = createController(
    { store, clock, logger },
    readOptions("controller", controllerOptions, { flags }),
  );
  await controller.start();
  const { port } = controller.address;
  const base = `http://127.0.0.1:${port}`;
  return {
    controller,
    store,
    clock,
    logger,
    base,
    async call(method, path, body, headers = {}) {
      const text = typeof body === "string" ? body : JSON.stringify(body);
      const request = body === undefined ? { method, headers } : withBody(method, text, headers);
      const response = await fetch(base + path, request);
      const answer = await response.text();
      return { status: response.status, headers: response.headers, text: answer, json: parsed(answer) };
    },
    raw: (bytes) =>
      new Promise((resolve, reject) => {
        let answer = "";
        const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
        socket.setEncoding("utf8");
        socket.on("data", (chunk: string) => {
          answer += chunk;
        });
        socket.on("end", () => resolve(answer));
        socket.on("error", reject);
      }),
    [Symbol.asyncDispose]: () => controller.stop(),
  };
}

function withBody(method: string, body: string, headers: Record<string, string>): RequestInit {
  return { method, body, headers: { "content-type": "application/json", ...headers } };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
