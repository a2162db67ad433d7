import type { Socket } from "node:net";
import { HoldfastError } from "@holdfast/core";
import { type Frame, frameLength, readFrame } from "./frame.ts";

export interface UnfinishedCallsLimits {
  /** Milliseconds that a caller may take to say what it wants. */
  readonly time: number;
  /** Bytes that all unfinished calls may have sent together. */
  readonly bytes: number;
  /** Calls that may be unfinished after {@link grace}. */
  readonly calls: number;
  /** Milliseconds for which a call is never given up for the sake of others' number: many may come at once. */
  readonly grace: number;
}

/** The program that runtimes call has everything ready when it connects: it needs milliseconds. */
export const DEFAULT_LIMITS: UnfinishedCallsLimits = { time: 30_000, bytes: 2 ** 26, calls: 512, grace: 1000 };

interface UnfinishedCall {
  readonly since: number;
  /** With room for what is to come. */
  bytes: Buffer;
  length: number;
  /** Of the whole; undefined while its beginning is not there. */
  wanted: number | undefined;
  readonly end: (error: Error) => void;
}

/** Calls that have not been heard to their end: what half a request may cost is bounded, in time, memory and descriptors. */
export class UnfinishedCalls {
  /** Oldest first. */
  readonly #calls = new Set<UnfinishedCall>();
  readonly #limits: UnfinishedCallsLimits;
  #bytes = 0;

  constructor(limits: UnfinishedCallsLimits) {
    this.#limits = limits;
  }

  /** @throws HoldfastError `unavailable`: the caller was gone or given up before it had said everything; CniError: what it says is no call. */
  async receive(socket: Socket): Promise<Frame> {
    const { promise, resolve, reject } = Promise.withResolvers<Frame>();
    const call: UnfinishedCall = {
      since: performance.now(),
      bytes: Buffer.alloc(0),
      length: 0,
      wanted: undefined,
      end: reject,
    };
    const { time } = this.#limits;
    const timer = setTimeout(() => reject(givenUp(`it has not said in ${time / 1000} s what it wants`)), time);
    const hear = (piece: Buffer): void => {
      try {
        const frame = this.#take(call, piece);
        if (frame !== undefined) resolve(frame);
      } catch (error) {
        reject(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const gone = (): void =>
      reject(new HoldfastError("unavailable", "the caller went away before it had said what it wants"));
    socket.on("data", hear).once("end", gone).once("close", gone);
    this.#begin(call);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      socket.off("data", hear).off("end", gone).off("close", gone).pause();
      this.#calls.delete(call);
      this.#bytes -= call.length;
    }
  }

  /** Gives up all of them. */
  end(error: Error): void {
    for (const call of this.#calls) call.end(error);
  }

  #begin(call: UnfinishedCall): void {
    this.#calls.add(call);
    let tooMany = this.#calls.size - this.#limits.calls;
    for (const oldest of this.#calls) {
      if (tooMany-- <= 0 || call.since < oldest.since + this.#limits.grace) return;
      oldest.end(givenUp(`${this.#calls.size} callers have not said yet what they want, and this one is the oldest`));
    }
  }

  #take(call: UnfinishedCall, piece: Buffer): Frame | undefined {
    keep(call, piece);
    this.#bytes += piece.length;
    call.wanted ??= frameLength(call.bytes.subarray(0, call.length));
    if (call.wanted !== undefined && call.length >= call.wanted) return readFrame(call.bytes.subarray(0, call.length));
    if (this.#bytes > this.#limits.bytes) {
      const largest = [...this.#calls].reduce((most, each) => (each.length > most.length ? each : most), call);
      largest.end(givenUp("unfinished calls are too long together, and this one is the longest"));
    }
    return undefined;
  }
}

function keep(call: UnfinishedCall, piece: Buffer): void {
  const length = call.length + piece.length;
  if (length > call.bytes.length) {
    const bytes = Buffer.allocUnsafe(Math.max(length, Math.min(2 * length, call.wanted ?? length)));
    call.bytes.copy(bytes, 0, 0, call.length);
    call.bytes = bytes;
  }
  piece.copy(call.bytes, call.length);
  call.length = length;
}

function givenUp(why: string): HoldfastError {
  return new HoldfastError("unavailable", `the call was given up: ${why}; call again`);
}
