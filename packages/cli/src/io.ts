import type { FetchLike } from "@holdfast/client";

/** The world around a command: tests give their own. */
export interface CliIo {
  out(text: string): void;
  err(text: string): void;
  /** `HOLDFAST_SERVER` and `HOLDFAST_TOKEN` are read from here. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** A file's text; `-` is standard input. */
  readFile(path: string): Promise<string>;
  /** A file's bytes, piece by piece; `-` is standard input. */
  readBytes(path: string): AsyncIterable<Uint8Array>;
  readonly fetch: FetchLike;
  now(): Date;
  /** Resolves after this many milliseconds; rejects when the person interrupts. */
  wait(milliseconds: number): Promise<void>;
  /** Aborted when the person interrupts. */
  readonly signal: AbortSignal;
}
