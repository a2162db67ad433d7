import { Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { type EngineHarness, settled, startEngine } from "../testing/engine-harness.ts";
import { refusal } from "../testing/refusal.ts";

/** Two controllers over one store, a claim that node h1 serves, and node h2 that wants it. Timeout of nodes: 60 s. */
async function twoControllers() {
  const first = await startEngine();
  const second = await startEngine({ store: first.store, clock: first.clock });
  await first.network("web");
  await first.claim("web", "a");
  for (const name of ["h1", "h2"]) await first.node(name);
  await first.reserve("h1", { endpoint: "e1", network: "web", identity: "a" });
  const take = () => second.reserve("h2", { endpoint: "e2", network: "web", identity: "a" });
  const sleep = async (milliseconds: number): Promise<void> => {
    first.clock.advance(milliseconds);
    await settled(first.engine);
  };
  return {
    first,
    second,
    take,
    sleep,
    [Symbol.asyncDispose]: async () => {
      await first.engine.stop();
      await second.engine.stop();
    },
  };
}

describe("a node that one controller hears and another one does not", () => {
  test("is not silent for either", async () => {
    await using both = await twoControllers();
    for (let second = 0; second < 200; second += 5) {
      await both.sleep(5000);
      await both.first.node("h1");
    }
    expect((await refusal(both.take())).code).toBe("claim_bound");
    expect(both.second.engine.nouns.nodes.get(Name.parse("h1")).state).toBe("ready");
  });

  test("is silent for the other one only when it surely was for the node timeout", async () => {
    await using both = await twoControllers();
    await both.sleep(15_000);
    await both.first.node("h1");
    await both.sleep(0);
    // Heard again, a moment before that would be written.
    await both.sleep(14_999);
    await both.first.node("h1");
    await both.sleep(59_999);
    expect((await refusal(both.take())).code).toBe("claim_bound");
    await both.sleep(1);
    expect((await refusal(both.take())).code).toBe("claim_bound");
    await both.sleep(1);
    expect((await both.take()).claim.binding?.node).toBe("h2");
  });

  test("costs one commit in a quarter of the node timeout, for all nodes together", async () => {
    await using both = await twoControllers();
    await both.sleep(15_000);
    const before = await both.first.store.revision();
    for (let beat = 0; beat < 4; beat++) {
      await both.first.node("h1");
      await both.first.node("h2");
      await both.sleep(5000);
    }
    // One when the first was heard, which had not heard of the other yet; then one for both.
    expect((await both.first.store.revision()) - before).toBeLessThanOrEqual(4);
  });

  test("is not cut off by a takeover that was decided before it returned, and not committed yet", async () => {
    await using both = await twoControllers();
    const { second } = both;
    await second.node("h1");
    await both.sleep(14_000);
    await second.node("h1");
    await both.sleep(59_000);
    // Says nothing new of the other node.
    await second.node("h2");
    await both.sleep(2000);
    expect(await refusal(takenWhile(second, both.take, () => second.node("h1")))).toMatchObject({
      code: "claim_bound",
    });
  });

  test("is answered in the end when writing of it took longer than a quarter of its timeout", async () => {
    await using both = await twoControllers();
    const { store } = both.second;
    const commit = store.commit.bind(store);
    const gate = Promise.withResolvers<void>();
    store.commit = async (transaction) => {
      await gate.promise;
      return await commit(transaction);
    };
    const first = both.second.node("h2");
    await both.sleep(1);
    const late = both.second.node("h1");
    await both.sleep(1);
    await both.sleep(16_000);
    gate.resolve();
    await expect(Promise.all([first, late])).resolves.toHaveLength(2);
  });

  test("is not taken for silent by a decision that was made before it was heard elsewhere", async () => {
    await using both = await twoControllers();
    await both.sleep(75_000);
    const taken = takenWhile(both.second, both.take, () => both.first.node("h1"));
    expect((await refusal(taken)).code).toBe("claim_bound");
  });
});

/** Something happens while the takeover is on its way to the store. */
async function takenWhile<T>(
  { store }: EngineHarness,
  take: () => Promise<T>,
  happen: () => Promise<unknown>,
): Promise<T> {
  const commit = store.commit.bind(store);
  let happened = false;
  store.commit = async (transaction) => {
    if (!happened && transaction.operations.some(({ key }) => key === "endpoints/e2")) {
      happened = true;
      await happen();
    }
    return await commit(transaction);
  };
  return await take();
}
