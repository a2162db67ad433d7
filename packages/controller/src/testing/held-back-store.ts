import type { Store } from "@holdfast/store";
import { storeWith } from "@holdfast/store/testing";

/** A store that brings no changes while they are held back, and says which revision it is at only when they have come in. */
export interface HeldBackStore {
  readonly store: Store;
  hold(): void;
  letGo(): void;
}

export function heldBackStore(store: Store): HeldBackStore {
  let gate = Promise.resolve();
  let open = (): void => undefined;
  return {
    hold() {
      const { promise, resolve } = Promise.withResolvers<void>();
      gate = promise;
      open = resolve;
    },
    letGo: () => open(),
    store: storeWith(store, {
      async revision() {
        const revision = await store.revision();
        await gate;
        for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
        return revision;
      },
      async *watch(prefix, options) {
        for await (const batch of store.watch(prefix, options)) {
          await gate;
          yield batch;
        }
      },
    }),
  };
}
