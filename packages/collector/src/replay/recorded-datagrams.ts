import { type Clock, HoldfastError } from "@holdfast/core";
import { createUdpFinder, readCapture } from "@holdfast/flow";
import { forEachDatagram, readEntry } from "../stream/entry.ts";
import { createProgress } from "../stream/progress.ts";
import type { Redis } from "../stream/redis.ts";

/** A datagram, and when it came, in milliseconds since 1970. */
export interface RecordedDatagram {
  readonly at: number;
  readonly bytes: Uint8Array;
}

/** Milliseconds since 1970; `to` is not included. */
export interface RecordedRange {
  readonly from: number;
  readonly to: number;
}

type RawEntry = readonly [id: Buffer, fields: readonly Buffer[]];

/** Entries at a time. */
const COUNT = "32";
/** Milliseconds that Redis has to be there. */
const PATIENCE = 10_000;
const AGAIN_AFTER = 100;

/**
 * The datagrams that are in a stream, those that were read and acknowledged included; those that are there twice are given once. Whoever works on the
 * stream does not notice.
 *
 * @throws HoldfastError `unavailable` when Redis is not reached, `not_found` when there is no such stream
 */
export async function* recordedInStream(
  { redis, clock }: { readonly redis: Redis; readonly clock: Clock },
  key: string,
  { from, to }: RecordedRange,
): AsyncGenerator<RecordedDatagram> {
  await reach(redis, clock);
  if ((await redis.command<number>(["EXISTS", key])) === 0)
    throw new HoldfastError("not_found", `there is no stream ${key} in this Redis; --redis-stream names another`);
  const progress = createProgress(undefined);
  // Redis' own times of entries are never before their datagrams came.
  for (let after = String(Math.max(0, from)); ; ) {
    const entries = await redis.bytes<readonly RawEntry[]>(["XRANGE", key, after, "+", "COUNT", COUNT]);
    for (const [, fields] of entries) yield* datagramsOf(fields, progress, { from, to });
    const last = entries.at(-1);
    if (last === undefined) return;
    after = `(${last[0].toString()}`;
  }
}

function* datagramsOf(
  fields: readonly Buffer[],
  progress: ReturnType<typeof createProgress>,
  { from, to }: RecordedRange,
): Generator<RecordedDatagram> {
  const entry = readEntry(fields);
  if (entry === undefined) return;
  const found: RecordedDatagram[] = [];
  let number = entry.first;
  progress.hear(entry.from);
  forEachDatagram(entry, (view, start, length, at) => {
    const isNew = progress.isNew(entry.from, number);
    if (isNew) progress.advance(entry.from, number);
    number += 1;
    if (isNew && at >= from && at < to)
      found.push({ at, bytes: new Uint8Array(view.buffer as ArrayBuffer, view.byteOffset + start, length) });
  });
  yield* found;
}

async function reach(redis: Redis, clock: Clock): Promise<void> {
  const until = clock.monotonic() + PATIENCE;
  for (;;) {
    try {
      await redis.command(["PING"]);
      return;
    } catch (error) {
      if (clock.monotonic() >= until) throw error;
      await clock.wait(AGAIN_AFTER, new AbortController().signal);
    }
  }
}

/**
 * The datagrams to a port of UDP that a capture has.
 *
 * @throws HoldfastError `invalid_argument` where the file is broken, or does not say when packets came
 */
export async function* recordedInCapture(
  chunks: AsyncIterable<Uint8Array>,
  port: number,
  { from, to }: RecordedRange,
): AsyncGenerator<RecordedDatagram> {
  const find = createUdpFinder(port);
  for await (const packet of readCapture(chunks)) {
    const found = find(packet);
    if (found.kind !== "datagram") continue;
    if (packet.time === undefined)
      throw new HoldfastError("invalid_argument", `byte ${packet.offset}: the capture does not say when this came`);
    const at = packet.time.seconds * 1000 + Math.floor(packet.time.nanoseconds / 1_000_000);
    const { buffer, byteOffset, byteLength } = found.payload;
    if (at >= from && at < to) yield { at, bytes: new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength) };
  }
}
