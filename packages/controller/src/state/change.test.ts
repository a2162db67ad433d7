import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { claimName, OPERATOR, settled, startEngine } from "../testing/engine-harness.ts";
import { heldBackStore } from "../testing/held-back-store.ts";
import { refusal } from "../testing/refusal.ts";
import { keys } from "./keys.ts";

/** Two controllers over one store, the second of which hears of nothing until it is let go. */
async function oneBehind() {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const behind = heldBackStore(store);
  const first = await startEngine({ store, clock });
  const second = await startEngine({ store: behind.store, clock });
  await first.network("web");
  await settled(second.engine);
  behind.hold();
  return {
    first,
    second,
    letGo: behind.letGo,
    [Symbol.asyncDispose]: async () => {
      await first.engine.stop();
      await second.engine.stop();
    },
  };
}

describe("a decision on an outdated copy", () => {
  test("that refuses is made again, also when what it had not seen came in while it asked for that", async () => {
    await using both = await oneBehind();
    await both.first.claim("web", "a");
    const released = both.second.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    both.letGo();
    await expect(released).resolves.toBeUndefined();
  });

  test("gives nobody an address that was claimed and released in between: it rests", async () => {
    await using both = await oneBehind();
    await both.first.claim("web", "a", { addresses: ["10.20.0.7"] });
    await both.first.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
    const claimed = refusal(both.second.claim("web", "b", { addresses: ["10.20.0.7"] }));
    both.letGo();
    expect(await claimed).toMatchObject({ code: "address_in_use", details: { reason: "cooling" } });
  });
});

describe("a decision in slices", () => {
  test("is made again when something that its beginning rests on has changed before its end", async () => {
    await using harness = await startEngine();
    const { tenant, name } = await harness.network("web");
    const { state, changer } = harness.engine.platform;
    const seen: number[] = [];
    let tries = 0;
    const changed = changer.changeInSlices(function* (draft) {
      tries++;
      for (let slice = 0; slice < 4; slice++) {
        const revision = state.network(tenant, name)?.record?.revision ?? 0;
        seen[slice] = revision;
        draft.expect(keys.network(tenant, name), revision);
        yield;
      }
      draft.put(keys.operation("op-1"), {});
      return undefined;
    });
    await harness.engine.nouns.networks.update(tenant, name, { mtu: 1400 }, OPERATOR);
    await changed;
    expect(tries).toBe(2);
    expect(new Set(seen).size).toBe(1);
  });

  test("is made alone, while other decisions go on", async () => {
    await using harness = await startEngine();
    await harness.network("web");
    const { changer } = harness.engine.platform;
    const log: string[] = [];
    const sliced = (id: string) =>
      changer.changeInSlices(function* () {
        for (let slice = 0; slice < 20; slice++) {
          log.push(id);
          yield;
        }
        return undefined;
      });
    const both = Promise.all([sliced("first"), sliced("second")]);
    await harness.claim("web", "a");
    const begun = log.length;
    await both;
    expect(begun).toBeLessThan(40);
    // One that drafts nothing is made again when others have committed meanwhile.
    const runs = Array.from({ length: log.length / 20 }, (_, run) => new Set(log.slice(20 * run, 20 * run + 20)).size);
    expect(new Set(runs)).toEqual(new Set([1]));
  });
});
