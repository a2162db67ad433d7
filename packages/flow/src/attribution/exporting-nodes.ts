import { createKeyIndex } from "../numbers/key-index.ts";
import { HEAD_AGENT } from "../sflow/words.ts";
import type { AddressWords } from "./change.ts";
import { NOBODY } from "./tenures.ts";

/** Milliseconds: counters come every 30 s where nothing else does. */
const SILENT_AFTER = 120_000;

/** Which nodes export, and by which addresses their exporters call themselves. */
export interface ExportingNodes {
  set(node: number, agents: readonly AddressWords[], from: number): void;
  /** The node that a datagram's head is of, and that it was heard at a time. {@link NOBODY}: of none. */
  hear(head: Uint32Array, time: number): number;
  /** How often a node was heard that was taken for silent. */
  readonly returns: number;
  /** Whether samples of its endpoints come from itself: it was heard, or is expected to be. */
  exports(node: number, time: number): boolean;
}

export function createExportingNodes(): ExportingNodes {
  const agents = createKeyIndex(4, Number.POSITIVE_INFINITY);
  const nodes: number[] = [];
  const heard: number[] = [];
  let returns = 0;
  const exports = (node: number, time: number): boolean =>
    time - (heard[node] ?? Number.NEGATIVE_INFINITY) < SILENT_AFTER;
  return {
    exports,
    get returns() {
      return returns;
    },
    set(node, addresses, from) {
      for (const words of addresses) nodes[agents.find(Uint32Array.from(words), 0)] = node;
      heard[node] = Math.max(heard[node] ?? 0, from);
    },
    hear(head, time) {
      const agent = agents.get(head, HEAD_AGENT);
      if (agent < 0) return NOBODY;
      const node = nodes[agent] ?? NOBODY;
      if (!exports(node, time)) returns += 1;
      if (time > (heard[node] ?? 0)) heard[node] = time;
      return node;
    },
  };
}
