import { expect, test } from "vitest";
import { TEN_O_CLOCK, traffic, windowOf } from "../made-traffic.ts";
import { bytesOf } from "./asking.ts";
import { api, office, type SuiteStores } from "./parties.ts";

/** Windows that a stream gives again when it does not know that they were taken. */
export function streamSuite({ opening }: SuiteStores): void {
  const windowOfStream = (number: number, stream = "it's a stream") => ({
    ...windowOf(TEN_O_CLOCK + number * 10_000, [traffic(api, office, { bytes: 100 })]),
    origin: { stream, number, checkpoint: `{"at":${number}}` },
  });

  test("counts a window of a stream once, however often it is given", async () => {
    const store = await opening();
    for (const number of [0, 1, 1, 2, 2]) await store.take(windowOfStream(number));
    await store.take(windowOfStream(2, "another"));
    expect(await bytesOf(store, {})).toEqual([[400]]);
  });

  test("knows how far the stream was read, if it keeps that", async () => {
    const store = await opening();
    if (store.checkpoint === undefined) return;
    expect(await store.checkpoint("it's a stream")).toBeUndefined();
    for (const number of [1, 2]) await store.take(windowOfStream(number));
    await store.take(windowOfStream(7, "another"));
    expect(await store.checkpoint("it's a stream")).toBe('{"at":2}');
    expect(await store.checkpoint("a third")).toBeUndefined();
  });
}
