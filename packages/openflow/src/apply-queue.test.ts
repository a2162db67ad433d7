import { describe, expect, test } from "vitest";
import { ApplyQueue } from "./apply-queue.ts";
import type { Refusal } from "./bundle.ts";
import type { Flow } from "./flow.ts";

const signal = new AbortController().signal;
const flow = (priority: number): Flow => ({ table: 0, priority, cookie: 0n, match: {}, actions: [] });
const add = (...priorities: number[]): { add: Flow[]; remove: [] } => ({ add: priorities.map(flow), remove: [] });
/** Where a flow_mod has its priority (OpenFlow 1.4 section 7.3.4.1). */
const priorityOf = (mod: Buffer): number => mod.readUInt16BE(30);

/** Commits that a test answers by hand; each is the list of priorities in the bundle. */
function handCommitted(): { queue: ApplyQueue; bundles: number[][]; answer: (refusals: Refusal[] | Error) => void } {
  const bundles: number[][] = [];
  const answers: PromiseWithResolvers<readonly Refusal[]>[] = [];
  const queue = new ApplyQueue((mods) => {
    bundles.push(mods.map(priorityOf));
    const answer = Promise.withResolvers<readonly Refusal[]>();
    answers.push(answer);
    return answer.promise;
  });
  const answer = (refusals: Refusal[] | Error): void => {
    const first = answers.shift();
    if (refusals instanceof Error) first?.reject(refusals);
    else first?.resolve(refusals);
  };
  return { queue, bundles, answer };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the queue of flow changes", () => {
  test("puts the calls of one turn into one bundle, and those that come meanwhile into the next", async () => {
    const { queue, bundles, answer } = handCommitted();
    const first = [queue.apply(add(1), signal), queue.apply(add(2), signal)];
    await settled();
    const second = [queue.apply(add(3), signal), queue.apply(add(4, 5), signal)];
    await settled();
    expect(bundles).toEqual([[1, 2]]);
    answer([]);
    await Promise.all(first);
    await settled();
    expect(bundles).toEqual([
      [1, 2],
      [3, 4, 5],
    ]);
    answer([]);
    await Promise.all(second);
  });

  test("sends a refused bundle again without the call that was to blame", async () => {
    const { queue, bundles, answer } = handCommitted();
    const calls = Promise.allSettled([
      queue.apply(add(1), signal),
      queue.apply(add(2, 3), signal),
      queue.apply(add(4), signal),
    ]);
    await settled();
    answer([{ index: 2, error: "OFPBMC_BAD_PREREQ" }]);
    await settled();
    answer([]);
    expect(bundles).toEqual([
      [1, 2, 3, 4],
      [1, 4],
    ]);
    expect(await calls).toMatchObject([
      { status: "fulfilled" },
      {
        reason: {
          code: "switch_rejected",
          message: "the switch refused a flow: OFPBMC_BAD_PREREQ: priority=3 actions=drop",
          details: { error: "OFPBMC_BAD_PREREQ", flow: "priority=3 actions=drop" },
        },
      },
      { status: "fulfilled" },
    ]);
  });

  test("sends each call alone when the switch blames the bundle as a whole", async () => {
    const { queue, bundles, answer } = handCommitted();
    const calls = Promise.allSettled([queue.apply(add(1), signal), queue.apply(add(2), signal)]);
    await settled();
    answer([{ index: undefined, error: "OFPBFC_OUT_OF_BUNDLES" }]);
    await settled();
    answer([{ index: undefined, error: "OFPBFC_UNKNOWN" }]);
    await settled();
    answer([]);
    expect(bundles).toEqual([[1, 2], [1], [2]]);
    expect(await calls).toMatchObject([{ reason: { details: { error: "OFPBFC_UNKNOWN" } } }, { status: "fulfilled" }]);
  });

  test("tells everybody when the connection breaks, and goes on with the next", async () => {
    const { queue, answer } = handCommitted();
    const lost = new Error("lost");
    const calls = Promise.allSettled([queue.apply(add(1), signal), queue.apply(add(2), signal)]);
    await settled();
    answer(lost);
    expect(await calls).toMatchObject([{ reason: lost }, { reason: lost }]);
    const next = queue.apply(add(3), signal);
    await settled();
    answer([]);
    await expect(next).resolves.toBeUndefined();
  });

  test("does not send what was aborted while it waited", async () => {
    const { queue, bundles, answer } = handCommitted();
    const abort = new AbortController();
    const first = queue.apply(add(1), signal);
    await settled();
    const second = queue.apply(add(2), abort.signal);
    abort.abort(new Error("enough"));
    await expect(second).rejects.toThrow("enough");
    answer([]);
    await first;
    await settled();
    expect(bundles).toEqual([[1]]);
  });

  test("stops waiting when aborted while the bundle is on its way", async () => {
    const { queue, answer } = handCommitted();
    const abort = new AbortController();
    const call = queue.apply(add(1), abort.signal);
    await settled();
    abort.abort(new Error("enough"));
    await expect(call).rejects.toThrow("enough");
    answer([]);
  });

  test("takes flows out before it puts flows in", async () => {
    const { queue, bundles, answer } = handCommitted();
    const call = queue.apply({ add: [flow(1)], remove: [flow(2)] }, signal);
    await settled();
    expect(bundles).toEqual([[2, 1]]);
    answer([]);
    await call;
  });
});
