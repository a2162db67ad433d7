import { Name } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { settled, startEngine } from "../testing/engine-harness.ts";
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

  test("is not taken for silent by a decision that was made before it was heard elsewhere", async () => {
    await using both = await twoControllers();
    await both.sleep(75_000);
    const { store } = both.second;
    const commit = store.commit.bind(store);
    let heardOf = false;
    // The sign of life overtakes the takeover on its way to the store.
    store.commit = async (transaction) => {
      if (!heardOf && transaction.operations.some(({ key }) => key === "endpoints/e2")) {
        heardOf = true;
        await both.first.node("h1");
      }
      return await commit(transaction);
    };
    expect((await refusal(both.take())).code).toBe("claim_bound");
  });
});
