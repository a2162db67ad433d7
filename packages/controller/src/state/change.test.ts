import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { claimName, OPERATOR, settled, startEngine } from "../testing/engine-harness.ts";
import { heldBackStore } from "../testing/held-back-store.ts";
import { refusal } from "../testing/refusal.ts";

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
