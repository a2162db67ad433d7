import { HoldfastError, systemClock } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import type { ConsumerGroup, Delivery } from "./consumer-group.ts";
import { createReader } from "./reader.ts";
import type { StreamWindows } from "./stream-windows.ts";

const delivery = (id: string): Delivery => ({ id });

/** Gives what was given before, then the new entries one by one, and then nothing. */
function fakeGroup(given: readonly string[], fresh: readonly string[], acknowledge: ConsumerGroup["acknowledge"]) {
  const left = [...fresh];
  const group: ConsumerGroup = {
    ensure: async () => undefined,
    async *claim() {
      yield given.map(delivery);
    },
    async read() {
      const [next] = left.splice(0, 1);
      if (next === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
      return next === undefined ? [] : [delivery(next)];
    },
    acknowledge,
    checkpoint: async () => undefined,
  };
  return { group, left };
}

function fakeWindows(unkept = 0) {
  const taken: string[] = [];
  const windows = {
    unkept,
    take: ({ id }: Delivery) => void taken.push(id),
    advance: () => undefined,
  } as unknown as StreamWindows & { unkept: number };
  return { windows, taken };
}

const ours = {
  hold: async () => true,
  holder: "us",
  release: async () => undefined,
};

describe("a stream's reader", () => {
  test("keeps the stream while it waits for what it begins with, also when Redis is away for a moment", async () => {
    const clock = new ManualClock();
    let holds = 0;
    const lease = {
      ...ours,
      hold: async () => {
        holds += 1;
        if (holds === 3) throw new HoldfastError("unavailable", "connection reset");
        return true;
      },
    };
    const { group } = fakeGroup([], [], async () => undefined);
    const known = Promise.withResolvers<string>();
    const reader = createReader({ clock, group, lease }, 0);
    const kept = reader.keepUntil(known.promise, new AbortController().signal);
    for (let second = 1; second <= 30; second++) {
      await expect.poll(() => holds, { interval: 1 }).toBeGreaterThanOrEqual(second);
      await new Promise((resolve) => setImmediate(resolve));
      clock.advance(1000);
    }
    known.resolve("checkpoint");
    expect(await kept).toBe("checkpoint");
    const before = holds;
    clock.advance(10_000);
    await new Promise((resolve) => setImmediate(resolve));
    expect(holds).toBe(before);
  });

  test("begins nothing when another one has taken the stream meanwhile", async () => {
    const { group } = fakeGroup([], [], async () => undefined);
    const lease = { ...ours, hold: async () => false, holder: "another" };
    const reader = createReader({ clock: systemClock, group, lease }, 0);
    const kept = reader.keepUntil(new Promise(() => undefined), new AbortController().signal);
    await expect(kept).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("another") as string,
    });
  });

  test("reads what was given before and not acknowledged, and then what is new", async () => {
    const { group } = fakeGroup(["1", "2"], ["3", "4"], async () => undefined);
    const { windows, taken } = fakeWindows();
    const stopping = new AbortController();
    const running = createReader({ clock: systemClock, group, lease: ours }, 0).run(windows, stopping.signal);
    await expect.poll(() => taken).toEqual(["1", "2", "3", "4"]);
    stopping.abort();
    await running;
  });

  test("reads no more while the store has windows to take, and goes on when it has taken one", async () => {
    const { group, left } = fakeGroup([], ["1", "2"], async () => undefined);
    const { windows, taken } = fakeWindows(4);
    const stopping = new AbortController();
    const reader = createReader({ clock: systemClock, group, lease: ours }, 0);
    const running = reader.run(windows, stopping.signal);
    await expect.poll(() => left).toEqual(["2"]);
    expect(taken).toEqual([]);
    (windows as { unkept: number }).unkept = 3;
    reader.proceed();
    await expect.poll(() => taken).toEqual(["1", "2"]);
    stopping.abort();
    await running;
  });

  test("waits no longer for datagrams of a receiver whose clock is ahead than for others", async () => {
    const ahead = { from: "h1", first: 0, at: Date.now() + 86_400_000, datagrams: new Uint8Array() };
    const { group } = fakeGroup([], [], async () => undefined);
    const left: Delivery[][] = [[{ id: "1", entry: ahead }, delivery("2")]];
    const ofAhead: ConsumerGroup = {
      ...group,
      read: async () => left.shift() ?? (await group.read()),
    };
    const times: (number | undefined)[] = [];
    const { windows } = fakeWindows();
    const noting = { ...windows, take: ({ entry }: Delivery) => void times.push(entry?.at) } as StreamWindows;
    const stopping = new AbortController();
    const running = createReader({ clock: systemClock, group: ofAhead, lease: ours }, 20).run(noting, stopping.signal);
    await expect.poll(() => times).toHaveLength(2);
    expect(times[0]).toBeLessThanOrEqual(Date.now());
    stopping.abort();
    await running;
  });

  test("fails when another reader has the stream, and reads nothing of it", async () => {
    const { group } = fakeGroup(["1"], ["2"], async () => undefined);
    const { windows, taken } = fakeWindows();
    const theirs = { ...ours, hold: async () => false, holder: "h2" };
    const running = createReader({ clock: systemClock, group, lease: theirs }, 0).run(
      windows,
      new AbortController().signal,
    );
    await expect(running).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining("h2 reads"),
    });
    expect(taken).toEqual([]);
  });

  test("reads a datagram when it is old enough, and not before", async () => {
    const clock = new ManualClock();
    const { group } = fakeGroup([], ["1"], async () => undefined);
    const at = clock.now().getTime();
    const read = group.read;
    const entry = { from: "h1", first: 0, at, datagrams: new Uint8Array() };
    const aged: ConsumerGroup = {
      ...group,
      read: async () => (await read()).map(({ id }) => ({ id, entry })),
    };
    const { windows, taken } = fakeWindows();
    const stopping = new AbortController();
    const running = createReader({ clock, group: aged, lease: ours }, 2000).run(windows, stopping.signal);
    const wait = async (milliseconds: number): Promise<void> => {
      clock.advance(milliseconds);
      await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await wait(0);
    await wait(1000);
    await wait(999);
    expect(taken).toEqual([]);
    await wait(1);
    expect(taken).toEqual(["1"]);
    stopping.abort();
    await running;
  });

  test("takes an empty stream for no traffic only when receivers have had time to come back", async () => {
    const clock = new ManualClock();
    const { group } = fakeGroup([], [], async () => undefined);
    const advanced: number[] = [];
    const { windows } = fakeWindows();
    const told = Object.assign(windows, {
      advance: (at: number) => void advanced.push(at),
    });
    const stopping = new AbortController();
    const running = createReader({ clock, group, lease: ours }, 2000).run(told, stopping.signal);
    await new Promise((resolve) => setTimeout(resolve, 20));
    clock.advance(4999);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(advanced).toEqual([]);
    clock.advance(1);
    await expect.poll(() => advanced[0]).toBe(clock.now().getTime() - 2000);
    stopping.abort();
    await running;
  });

  test("tells Redis later what it could not tell it now, once and in order", async () => {
    const told: [readonly string[], string][] = [];
    let isAway = true;
    const { group } = fakeGroup([], [], async (ids, checkpoint) => {
      if (isAway) throw new Error("away");
      told.push([ids, checkpoint]);
    });
    const reader = createReader({ clock: systemClock, group, lease: ours }, 0);
    await reader.acknowledge(["1"], "a");
    await reader.acknowledge(["2"], "b");
    isAway = false;
    await reader.acknowledge(["3"], "c");
    expect(told).toEqual([[["1", "2", "3"], "c"]]);
  });
});
