import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { HoldfastError } from "@holdfast/core";
import type { LabSpace } from "./space.ts";

/** Where a guest program runs. */
export interface GuestPlace {
  readonly space: LabSpace;
  /** A process in whose network the program runs, e.g. a container's, from `LabHost.containerPid`; the program ends with it. */
  readonly inside?: number;
}

type GuestChild = ChildProcessByStdio<Writable, Readable, Readable>;

/**
 * One of this package's own programs, running in a space of a lab and talking to us by lines on stdin and stdout. It ends with its
 * stdin, and so with this process, whatever becomes of it.
 */
export class Guest implements AsyncDisposable {
  readonly #child: GuestChild;
  readonly #lines: Interface;
  readonly #title: string;
  readonly #ended: Promise<unknown>;
  #stderr = "";

  private constructor(child: GuestChild, title: string) {
    this.#child = child;
    this.#title = title;
    this.#lines = createInterface({ input: child.stdout });
    this.#ended = new Promise((resolve) => child.once("close", resolve).once("error", resolve));
    child.stderr.on("data", (chunk: Buffer) => {
      this.#stderr += String(chunk);
    });
    // The program may have ended with its container.
    child.stdin.on("error", () => {});
  }

  /** Starts a program of this package, e.g. `["measure/udp-echo.ts", "7007"]`, and waits for its first line. */
  static async start(place: GuestPlace, program: readonly string[], signal: AbortSignal): Promise<Guest> {
    signal.throwIfAborted();
    const [script = "", ...words] = program;
    const prefix = place.space.prefix(place.inside === undefined ? {} : { inside: place.inside });
    const [file = "", ...rest] = [...prefix, process.execPath, join(import.meta.dirname, script), ...words];
    const guest = new Guest(spawn(file, rest, { stdio: ["pipe", "pipe", "pipe"] }), program.join(" "));
    try {
      await guest.#line(signal);
      return guest;
    } catch (error) {
      await guest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Sends a line and gives the program's next one. @throws HoldfastError `unavailable`: the program has ended. */
  async ask(line: string, signal: AbortSignal): Promise<string> {
    const answer = this.#line(signal);
    this.#child.stdin.write(`${line}\n`);
    return await answer;
  }

  async #line(signal: AbortSignal): Promise<string> {
    const done = new AbortController();
    try {
      const next = once(this.#lines, "line", { signal: AbortSignal.any([signal, done.signal]) });
      const ended = this.#ended.then(() => {
        throw new HoldfastError("unavailable", `${this.#title} has ended: ${this.#stderr.slice(-1000).trim()}`);
      });
      const [line] = (await Promise.race([next, ended])) as [string];
      return line;
    } finally {
      done.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.stdin.end();
    await this.#ended;
  }
}
