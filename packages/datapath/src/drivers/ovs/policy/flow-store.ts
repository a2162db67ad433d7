import type { Flow } from "@holdfast/openflow";
import type { FlowRow } from "../flow-row.ts";

/** Flows that are wanted beside those that the switch has; the difference is found without looking at all. */
export class FlowStore {
  readonly #wanted = new Map<string, FlowRow>();
  #present = new Map<string, FlowRow>();
  readonly #touched = new Set<string>();
  /** Of those that the switch was seen to have, who has not been asked yet whether anybody wants it. */
  #unasked = new Set<string>();

  put(row: FlowRow): void {
    this.#wanted.set(row.key, row);
    this.#touched.add(row.key);
  }

  delete(key: string): void {
    if (this.#wanted.delete(key)) this.#touched.add(key);
  }

  /** The switch may have these, and if nobody wants them they go. */
  touch(keys: Iterable<string>): void {
    for (const key of keys) this.#touched.add(key);
  }

  /** What the switch has to be told; with orphans, also what it has and nobody wants. */
  difference(orphans: boolean): FlowDifference {
    const keys = new Set(this.#touched);
    // Once: what the switch gets from then on comes from here.
    if (orphans) for (const key of this.#unasked) keys.add(key);
    const add: FlowRow[] = [];
    const remove: FlowRow[] = [];
    for (const key of keys) {
      const [wanted, present] = [this.#wanted.get(key), this.#present.get(key)];
      if (wanted === undefined && present !== undefined) remove.push(present);
      if (wanted !== undefined && wanted.text !== present?.text) add.push(wanted);
    }
    return { add, remove, keys };
  }

  /** The switch has been told. */
  done({ add, remove, keys }: FlowDifference): void {
    for (const { key } of remove) this.#present.delete(key);
    for (const row of add) this.#present.set(row.key, row);
    for (const key of keys) {
      this.#touched.delete(key);
      this.#unasked.delete(key);
    }
    // What has been wanted differently meanwhile.
    for (const key of keys) if (this.#wanted.get(key)?.text !== this.#present.get(key)?.text) this.#touched.add(key);
  }

  /** The switch has these, and no others. */
  observe(rows: Iterable<FlowRow>): void {
    this.#present = new Map([...rows].map((row) => [row.key, row]));
    this.#unasked = new Set(this.#present.keys());
    for (const key of this.#wanted.keys()) this.#touched.add(key);
  }

  present(): Iterable<FlowRow> {
    return this.#present.values();
  }

  wanted(): readonly Flow[] {
    return [...this.#wanted.values()].map(({ flow }) => flow);
  }
}

export interface FlowDifference {
  readonly add: readonly FlowRow[];
  readonly remove: readonly FlowRow[];
  /** Of all that were compared. */
  readonly keys: ReadonlySet<string>;
}
