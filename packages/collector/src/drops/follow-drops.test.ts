import type { Client } from "@holdfast/client";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { type PolicyDropsMessage, policyDropsMessageSchema } from "@holdfast/model";
import { expect, test } from "vitest";
import { createDropFollower } from "./follow-drops.ts";

const RULE = { node: "h1", tenant: "shop", policy: "db", direction: "ingress", rule: "blocked" };
const GUARD = { node: "h1", guard: "mac" };
const message = (type: "totals" | "more", run: string, ...drops: readonly object[]): PolicyDropsMessage =>
  policyDropsMessageSchema.parse({ type, run, drops });
const of = (packets: number, key: object = RULE) => ({ ...key, packets, bytes: packets * 60 });

/** Connections that say these lines each, and then break off, but for the last. */
async function follow(...connections: readonly (readonly PolicyDropsMessage[])[]) {
  return (await following(...connections)).drained;
}

/** @returns beside what was dropped, of which time it had heard when each line was said, by the seconds of its clock */
async function following(...connections: readonly (readonly PolicyDropsMessage[])[]) {
  const heard: (readonly [since: number, until: number] | undefined)[] = [];
  let connection = 0;
  const reached = Promise.withResolvers<void>();
  const client = {
    async *stream(_: unknown, __: unknown, { signal }: { signal: AbortSignal }) {
      for (const line of connections[connection++] ?? []) {
        clock.advance(1000);
        yield line;
        hear();
      }
      if (connection < connections.length) throw new Error("connection reset");
      reached.resolve();
      await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
    },
  } as unknown as Client;
  const clock = new ManualClock();
  const began = clock.now().getTime();
  const hear = () => {
    const { since = 0, until = 0 } = follower.heard() ?? {};
    heard.push(until === 0 ? undefined : [(since - began) / 1000, (until - began) / 1000]);
  };
  const follower = createDropFollower({ client, clock, logger: new RecordingLogger() });
  const ending = new AbortController();
  const running = follower.run(ending.signal);
  const stepping = setInterval(() => clock.advance(1000), 1);
  await reached.promise;
  clearInterval(stepping);
  ending.abort();
  await running;
  hear();
  const drained = follower
    .drain()
    .map(({ at, bytes, ...dropped }) => ({ ...dropped, isWhole: at > 0 && bytes === dropped.packets * 60 }));
  return { drained, heard };
}

test("tells what is dropped after it was first connected, and not what was before", async () => {
  const found = await follow([
    message("totals", "a", of(1000)),
    { type: "bookmark" },
    message("more", "a", of(1003)),
    message("more", "a", of(1010), of(4, GUARD)),
  ]);
  expect(found).toEqual([
    { ...RULE, packets: 3, isWhole: true },
    { ...RULE, packets: 7, isWhole: true },
    { ...GUARD, packets: 4, isWhole: true },
  ]);
});

test("tells what was dropped while the connection was away", async () => {
  const found = await follow(
    [message("totals", "a", of(10)), message("more", "a", of(11))],
    [message("totals", "a", of(15), of(2, GUARD))],
  );
  expect(found.map(({ packets }) => packets)).toEqual([1, 4, 2]);
});

test("tells no spike when a connection breaks before all that was dropped before has been told", async () => {
  const found = await follow(
    [message("totals", "a", of(10))],
    [message("totals", "a", of(11)), message("totals", "a", of(5_000_000, GUARD)), { type: "bookmark" }],
    [message("totals", "a", of(12), of(5_000_001, GUARD))],
  );
  expect(found.map(({ packets }) => packets)).toEqual([1, 1]);
});

test("tells nothing twice, and no spike, when the controller has begun anew, or a rule was forgotten", async () => {
  const found = await follow(
    [message("totals", "a", of(1000))],
    [message("totals", "b", of(900)), message("more", "b", of(905)), message("more", "b", of(2))],
  );
  expect(found.map(({ packets }) => packets)).toEqual([5, 2]);
});

test("says since when it has heard all without a gap, and nothing while it does not", async () => {
  const { heard } = await following(
    [message("totals", "a", of(1)), message("totals", "a", of(2, GUARD)), { type: "bookmark" }, message("more", "a")],
    [message("totals", "a", of(1)), { type: "bookmark" }],
  );
  const [first, second, third, fourth, fifth, sixth, ended] = heard;
  expect([first, second, third, fourth]).toEqual([undefined, undefined, [3, 3], [3, 4]]);
  const since = sixth?.[0] ?? 0;
  expect([fifth, sixth, ended]).toEqual([undefined, [since, since], undefined]);
  expect(since).toBeGreaterThan(4);
});
