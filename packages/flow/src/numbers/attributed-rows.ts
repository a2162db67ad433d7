import type { Attribution } from "../attribution/attribution.ts";
import { createKeyIndex, type KeyIndex } from "./key-index.ts";
import { TRAFFIC_KEY_WORDS } from "./traffic-key.ts";

/** Finds the rows of keys whose owners are still to be found. */
export interface AttributedRows {
  /** The number of the row, as {@link KeyIndex.find} gives it, in the epoch of the attribution; writes over the key. */
  find(key: Uint32Array, epoch: number): number;
  /** Forgets all: the rows are new ones from now on. */
  clear(): void;
}

/**
 * Who the ends of a key are is looked up once, and again only when that may have changed: packets of one kind come by the thousand, and one look at the
 * key that they came with costs a fraction of the looks at who has which MAC and address.
 */
export function createAttributedRows(
  { attribution, rows }: { readonly attribution: Attribution; readonly rows: KeyIndex },
  most: number,
): AttributedRows {
  const known = createKeyIndex(TRAFFIC_KEY_WORDS, most);
  /** By the number of a key as it came: its row, and the epoch in which that was found; no epoch is 0. */
  let rowOf = new Int32Array(1024);
  let epochOf = new Int32Array(1024);

  function grow(): void {
    [rowOf, epochOf] = [rowOf, epochOf].map((before) => {
      const larger = new Int32Array(before.length * 2);
      larger.set(before);
      return larger;
    }) as [typeof rowOf, typeof epochOf];
  }

  return {
    find(key, epoch) {
      const number = known.find(key, 0);
      if (number >= 0 && epochOf[number] === epoch) return rowOf[number] ?? -1;
      attribution.attribute(key);
      const row = rows.find(key, 0);
      if (number < 0) return row;
      if (number >= rowOf.length) grow();
      rowOf[number] = row;
      epochOf[number] = epoch;
      return row;
    },
    clear() {
      epochOf.fill(0, 0, known.size);
      known.clear();
    },
  };
}
