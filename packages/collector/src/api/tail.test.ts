import { Writable } from "node:stream";
import { expect, test } from "vitest";
import { container, outside, sampled, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import { createTail, type TailOutput } from "./tail.ts";

/** A reader that takes the next piece when it is told to. */
class SlowReader extends Writable implements TailOutput {
  readonly pieces: string[] = [];
  #taken: () => void = () => undefined;

  constructor() {
    super({ highWaterMark: 1 });
  }
  writeHead(): void {}
  flushHeaders(): void {}

  override _write(piece: Buffer, _: string, taken: () => void): void {
    this.pieces.push(piece.toString());
    this.#taken = taken;
  }

  read(): void {
    this.#taken();
  }
}

const row = traffic(container("shop/web/redis-0", "10.20.0.7"), outside("192.0.2.9"));

test("who has not read the last window is told nothing of the next ones, and goes on with the newest then", () => {
  const tail = createTail();
  const reader = new SlowReader();
  tail.follow({}, reader);
  const windows = [0, 10, 20].map((seconds) => {
    const at = TEN_O_CLOCK + 1000 * seconds;
    return windowOf(at, [], [sampled(row, at)]);
  });
  for (const window of windows.slice(0, 2)) tail.take(window);
  reader.read();
  for (const window of windows.slice(2)) tail.take(window);
  const times = reader.pieces.map((piece) => (JSON.parse(piece) as { at: string }).at);
  expect(times).toEqual(["2026-11-20T10:00:00.000Z", "2026-11-20T10:00:20.000Z"]);
  tail.close();
});
