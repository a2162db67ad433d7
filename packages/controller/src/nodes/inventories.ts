import { type Clock, formatDuration, type Name } from "@holdfast/core";
import type { NodeInventory } from "@holdfast/model";
import type { State } from "../state/state.ts";
import type { Liveness } from "./liveness.ts";

/** Asks nodes what they have. Keeps nothing of what they say: an inventory is good for the question it answers, and for no other. */
export interface Inventories {
  /** A node has said what it has. */
  take(node: Name, inventory: NodeInventory): void;
  /** The node's agent has connected anew, perhaps as another program: it has to show again that it tells inventories. */
  reset(node: Name): void;
  /**
   * What the node has, looked at after it has been told of everything up to now; or why nothing is known of it. Never throws but for the signal.
   */
  ask(node: Name, signal: AbortSignal): Promise<NodeInventory | Unheard>;
}

/** Of a node that says nothing nothing is concluded. */
export interface Unheard {
  readonly reason: string;
}

export interface InventoriesOptions {
  /** Sends the question over the node's feed; whether there is one. */
  readonly send: (node: Name, revision: number) => boolean;
  /** Milliseconds that a node has for its answer. */
  readonly patience: number;
  /** A node that has connected has said for the first time what it has. */
  readonly connected: (node: Name, inventory: NodeInventory) => void;
}

interface Question {
  readonly revision: number;
  readonly answer: (inventory: NodeInventory) => void;
}

export function createInventories(
  dependencies: { readonly state: State; readonly clock: Clock; readonly liveness: Liveness },
  options: InventoriesOptions,
): Inventories {
  const { state, clock, liveness } = dependencies;
  const able = new Set<Name>();
  const questions = new Map<Name, Set<Question>>();

  /** Why it makes no sense to ask; undefined: it does. */
  function whyNot(node: Name): string | undefined {
    const record = state.nodes.get(node);
    if (record === undefined) return "it is not registered";
    if (liveness.isSilent(node)) return `it has been silent for ${formatDuration(liveness.silence(node))}`;
    if (able.has(node)) return undefined;
    return `its agent (version ${record.version}) has not said yet what it has: it is not in step with this controller, or too old for that`;
  }

  async function answerTo(node: Name, revision: number, signal: AbortSignal): Promise<NodeInventory | undefined> {
    const done = new AbortController();
    const open = questions.get(node) ?? new Set();
    questions.set(node, open);
    const { promise, resolve } = Promise.withResolvers<NodeInventory | undefined>();
    const question = { revision, answer: resolve };
    open.add(question);
    const either = AbortSignal.any([signal, done.signal]);
    clock.wait(options.patience, either).then(
      () => resolve(undefined),
      () => resolve(undefined),
    );
    try {
      return await promise;
    } finally {
      done.abort();
      open.delete(question);
      if (open.size === 0) questions.delete(node);
    }
  }

  return {
    take(node, inventory) {
      if (!able.has(node)) options.connected(node, inventory);
      able.add(node);
      for (const { revision, answer } of questions.get(node) ?? [])
        if (inventory.revision >= revision) answer(inventory);
    },

    reset: (node) => void able.delete(node),

    async ask(node, signal) {
      signal.throwIfAborted();
      const reason = whyNot(node);
      if (reason !== undefined) return { reason };
      const { revision } = state;
      const answer = answerTo(node, revision, signal);
      if (!options.send(node, revision)) return { reason: "its feed is not connected" };
      const inventory = await answer;
      signal.throwIfAborted();
      return inventory ?? { reason: `it was asked and did not answer in ${formatDuration(options.patience)}` };
    },
  };
}
