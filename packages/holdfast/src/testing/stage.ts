import { Readable } from "node:stream";
import { type CliIo, runCli } from "@holdfast/cli";
import { controllerOptions, createController } from "@holdfast/controller";
import { readOptions, silentLogger, systemClock } from "@holdfast/core";
import { openMemoryStore, type Store } from "@holdfast/store";

/** What a command printed, and what it ended with. */
export interface Typed {
  readonly code: number;
  readonly screen: string;
}

/** A controller, and a terminal in front of it. */
export interface Stage extends AsyncDisposable {
  readonly store: Store;
  /** Types a line; words are parted by blanks. */
  run(line: string): Promise<Typed>;
  type(words: readonly string[]): Promise<Typed>;
  claims(): Promise<readonly Record<string, unknown>[]>;
  /** How many the store has. */
  entries(): Promise<number>;
}

/**
 * @param files that commands read, by name; may change
 * @param options of the controller, beyond the usual
 */
export async function startStage(
  files: Readonly<Record<string, string>>,
  options: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const store = openMemoryStore({ clock: systemClock });
  const flags = { listen: "127.0.0.1:0", ...options };
  const controller = createController(
    { store, clock: systemClock, logger: silentLogger },
    readOptions("controller", controllerOptions, { flags }),
  );
  await controller.start();
  let screen = "";
  const write = (text: string): void => {
    screen += text;
  };
  const io: CliIo = {
    out: write,
    err: write,
    environment: { HOLDFAST_SERVER: `http://127.0.0.1:${controller.address.port}` },
    readFile: (path) => Promise.resolve(files[path] ?? ""),
    readBytes: (path) => Readable.from([new TextEncoder().encode(files[path] ?? "")]),
    fetch,
    now: () => new Date(),
    wait: () => Promise.resolve(),
    signal: new AbortController().signal,
  };
  const type: Stage["type"] = async (words) => {
    screen = "";
    const code = await runCli(words, io);
    return { code, screen };
  };
  const run: Stage["run"] = (line) => type(line.split(" "));
  return {
    store,
    run,
    type,
    claims: async () => JSON.parse((await run("claim list -o json")).screen).items as Record<string, unknown>[],
    entries: async () => (await store.list("")).entries.length,
    [Symbol.asyncDispose]: () => controller.stop(),
  };
}
