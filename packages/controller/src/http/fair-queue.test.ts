import { ManualClock } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { refusal } from "../testing/refusal.ts";
import { createFairQueue, type FairQueueOptions } from "./fair-queue.ts";

const turns = async (count = 10) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve();
};

function queueOf(options: Partial<FairQueueOptions> = {}) {
  const clock = new ManualClock();
  const queue = createFairQueue({ clock }, { atOnce: 2, mostWaiting: 100, rate: 0, ...options });
  const begun: string[] = [];
  const enter = (tenant: string, name = tenant) => queue.enter(tenant, () => begun.push(name));
  const refused = (tenant: string) => refusal((async () => enter(tenant))());
  return { clock, queue, begun, enter, refused };
}

describe("a fair queue", () => {
  test("lets so many work at once, and the next ones in their order", async () => {
    const { queue, begun, enter } = queueOf();
    for (const name of ["a1", "a2", "a3", "a4"]) enter("a", name);
    expect(begun).toEqual(["a1", "a2"]);
    expect([queue.working, queue.waiting]).toEqual([2, 2]);
    queue.leave();
    await turns();
    expect(begun).toEqual(["a1", "a2", "a3"]);
    for (let index = 0; index < 3; index++) queue.leave();
    await turns();
    expect([queue.working, queue.waiting]).toEqual([0, 0]);
  });

  test("gives tenants their turns: who comes to a flood waits for one of it, not for all", async () => {
    const { queue, begun, enter } = queueOf();
    for (let index = 0; index < 50; index++) enter("flood");
    for (let index = 0; index < 3; index++) enter("quiet");
    begun.splice(0);
    for (let index = 0; index < 8; index++) queue.leave();
    await turns(20);
    expect(begun).toEqual(["flood", "quiet", "flood", "quiet", "flood", "quiet", "flood", "flood"]);
  });

  test("lets who needs much room have it in turn, and nobody past it who needs little", async () => {
    const { queue, begun } = queueOf({ atOnce: 4 });
    const enter = (tenant: string, weight: number) =>
      queue.enter(tenant, () => begun.push(`${tenant}${weight}`), weight);
    enter("a", 3);
    enter("b", 3);
    enter("c", 1);
    enter("d", 99);
    expect([begun, queue.working, queue.waiting, queue.isFull]).toEqual([["a3"], 1, 3, true]);
    queue.leave(3);
    await turns();
    expect(begun).toEqual(["a3", "b3", "c1"]);
    queue.leave(1);
    await turns();
    expect([queue.working, queue.waiting]).toEqual([1, 1]);
    queue.leave(3);
    await turns();
    // More than there is counts as all of it.
    expect(begun.at(-1)).toBe("d99");
    enter("a", 1);
    expect(queue.waiting).toBe(1);
    queue.leave(99);
    await turns();
    queue.leave(1);
    expect([begun.at(-1), queue.working, queue.waiting, queue.isFull]).toEqual(["a1", 0, 0, false]);
  });

  test("sends away who is one too many of its tenant, and nobody of another", async () => {
    const { begun, enter, refused } = queueOf({ mostWaiting: 3 });
    for (let index = 0; index < 5; index++) enter("flood");
    const problem = await refused("flood");
    expect(problem).toMatchObject({ code: "too_many_requests", details: { tenant: "flood", retryAfterSeconds: 1 } });
    expect(problem.message).toBe(
      "too many requests of tenant flood: 3 of its requests wait already; come again in 1 s",
    );
    enter("quiet");
    expect(begun).toHaveLength(2);
  });

  test("says to come again when those before are likely to be done, in whole seconds", async () => {
    const { clock, queue, enter, refused } = queueOf({ mostWaiting: 15 });
    for (let index = 0; index < 12; index++) enter("a");
    for (let index = 0; index < 4; index++) queue.leave();
    clock.advance(1000);
    for (let index = 0; index < 9; index++) enter("a");
    // 4 were done in the last second, and 15 wait: it would be the 16th.
    expect((await refused("a")).details).toMatchObject({ retryAfterSeconds: 4 });
    enter("b");
    expect((await refused("a")).details).toMatchObject({ retryAfterSeconds: 8 });
  });

  test("sends away at once who would wait longer than a client does", async () => {
    const { clock, queue, enter, refused } = queueOf({ mostWaiting: 1000 });
    for (let index = 0; index < 4; index++) enter("a");
    queue.leave();
    clock.advance(1000);
    for (let index = 0; index < 19; index++) enter("a");
    expect((await refused("a")).details).toMatchObject({ retryAfterSeconds: 21 });
  });

  test("takes a time in which nobody came for no sign of slowness", () => {
    const { clock, queue, enter } = queueOf();
    enter("a");
    queue.leave();
    clock.advance(60_000);
    for (let index = 0; index < 90; index++) enter("a");
    expect(queue.waiting).toBe(88);
  });

  test("keeps a tenant to its rate, when there is one, and says when the next may come", async () => {
    const { clock, queue, begun, enter, refused } = queueOf({ atOnce: 100, rate: 2 });
    enter("a");
    enter("a");
    expect((await refused("a")).details).toMatchObject({ retryAfterSeconds: 1 });
    enter("b");
    clock.advance(500);
    enter("a");
    expect(begun).toEqual(["a", "a", "b", "a"]);
    expect(queue.working).toBe(4);
  });

  test("goes on however many are done at once as their turn comes", async () => {
    const clock = new ManualClock();
    const queue = createFairQueue({ clock }, { atOnce: 1, mostWaiting: 50_000, rate: 0 });
    let done = 0;
    queue.enter("a", () => {});
    for (let index = 0; index < 12_000; index++) {
      queue.enter(`t${index}`, () => {
        done++;
        queue.leave();
      });
    }
    queue.leave();
    await turns(50_000);
    expect([done, queue.working]).toEqual([12_000, 0]);
  });
});
