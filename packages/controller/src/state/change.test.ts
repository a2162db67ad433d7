import { ManualClock } from "@holdfast/core/testing";
import { openMemoryStore, type Store } from "@holdfast/store";
import { expect, test } from "vitest";
import { claimName, OPERATOR, settled, startEngine } from "../testing/engine-harness.ts";

/** A store that brings no changes while they are held, and answers which revision it is at only when they have come in. */
function heldBack(store: Store) {
  let gate = Promise.resolve();
  let open = (): void => undefined;
  return {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      open = resolve;
    },
    letGo: () => open(),
    store: {
      ...(Object.fromEntries(
        (["get", "list", "commit", "compact", "grantLease", "close"] as const).map((name) => [
          name,
          (store[name] as (...given: unknown[]) => unknown).bind(store),
        ]),
      ) as Omit<Store, "revision" | "watch">),
      async revision() {
        const revision = await store.revision();
        await gate;
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        return revision;
      },
      async *watch(prefix: string, options: Parameters<Store["watch"]>[1]) {
        for await (const batch of store.watch(prefix, options)) {
          await gate;
          yield batch;
        }
      },
    } satisfies Store,
  };
}

test("a refusal is decided again when what it had not seen came in while it asked for that", async () => {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const late = heldBack(store);
  await using writer = await startEngine({ store, clock });
  await using reader = await startEngine({ store: late.store, clock });
  await writer.network("web");
  await settled(reader.engine);
  late.hold();
  await writer.claim("web", "a");
  const released = reader.engine.nouns.claims.release(claimName("web", "a"), OPERATOR);
  late.letGo();
  await expect(released).resolves.toBeUndefined();
});
