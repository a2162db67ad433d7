import type { Clock, Name } from "@holdfast/core";
import type { Changer, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { StateChange, StoredNode } from "../state/records.ts";
import type { State } from "../state/state.ts";

/**
 * When each node was heard of last, by this controller or by another one over the same store.
 *
 * What this process hears it knows to the millisecond. So that the others know, too, it writes into the store that a node is alive, at most
 * once in a quarter of the node timeout, before it answers the node. A node counts as silent when it said nothing here for the node timeout, and
 * no other controller wrote of it for the node timeout and that quarter; times are this process's own, so that clocks need not agree.
 */
export interface Liveness {
  /** Everything the store has counts as heard of now. */
  load(): void;
  follow(changes: readonly StateChange[]): void;
  /** The node has said something just now. Not for the other controllers: {@link Liveness.heard}. */
  seen(node: Name): void;
  /** The same. To be waited for before the node is answered; undefined: the other controllers know enough. */
  heard(node: Name): Promise<void> | undefined;
  forget(node: Name): void;
  /** Not heard of for the node timeout; until the timeout after the start, nobody is silent. */
  isSilent(node: Name): boolean;
  /** The same for a decision, which then fails when another controller has heard of the node. */
  isSilentFor(draft: Draft, node: Name): boolean;
  /** Undefined: not since the controller started. */
  lastSeen(node: Name): Date | undefined;
  /** Milliseconds for which the node has said nothing (or, if it never did, since the start). */
  silence(node: Name): number;
}

interface Moment {
  readonly at: Date;
  readonly monotonic: number;
}

export interface LivenessDependencies {
  readonly state: State;
  readonly changer: Changer;
  readonly clock: Clock;
  /** Tells what this process has written from what others have. */
  readonly nonce: string;
}

export function createLiveness(
  { state, changer, clock, nonce }: LivenessDependencies,
  { timeout }: { readonly timeout: number },
): Liveness {
  const step = timeout / 4;
  let started = clock.monotonic();
  /** By this process. */
  const heard = new Map<Name, Moment>();
  /** By others, as far as they have written it since the start. */
  const toldOf = new Map<Name, Moment>();
  /** When what this process knew was written last. */
  const written = new Map<Name, number>();
  /** Nodes that wait for their answer until it is written. */
  const waiting = new Set<Name>();
  let writing: Promise<void> | undefined;

  const now = (): Moment => ({ at: clock.now(), monotonic: clock.monotonic() });
  const hereSilent = (node: Name) => clock.monotonic() - (heard.get(node)?.monotonic ?? started);
  /** Others may have heard of the node for this much longer than they have written. */
  function silentElsewhere(node: Name): boolean {
    const by = state.heard.get(node)?.by;
    const told = toldOf.get(node)?.monotonic ?? (by === undefined || by === nonce ? undefined : started);
    return told === undefined || clock.monotonic() - told >= timeout + step;
  }
  const isSilent = (node: Name) => hereSilent(node) >= timeout && silentElsewhere(node);

  /** All nodes of which there is fresh news, in one commit. */
  async function write(): Promise<void> {
    const since = clock.monotonic();
    // Not what was heard long ago: a node that returns has to be written anew, for a takeover that was decided before to fail on it.
    const news = [...heard].filter(
      ([node, { monotonic }]) =>
        waiting.has(node) || (monotonic > since - step && monotonic >= (written.get(node) ?? Number.NEGATIVE_INFINITY)),
    );
    waiting.clear();
    const { result } = await changer.change((draft) => {
      const known = news.flatMap(([node]) => state.nodes.get(node) ?? []);
      for (const node of known) put(draft, node);
      return known;
    });
    for (const { name } of result) written.set(name, since);
  }

  /** On condition that the node is not forgotten at the same time. */
  function put(draft: Draft, { name, revision }: StoredNode): void {
    draft.expect(keys.node(name), revision);
    draft.put(keys.heard(name), { by: nonce });
  }

  async function tellOthers(node: Name, moment: number): Promise<void> {
    // What is being written may have been gathered before this node was heard.
    while ((written.get(node) ?? Number.NEGATIVE_INFINITY) <= moment - step) {
      if (!state.nodes.has(node)) return;
      waiting.add(node);
      writing ??= write().finally(() => {
        writing = undefined;
      });
      await writing;
    }
  }

  return {
    load() {
      started = clock.monotonic();
    },

    follow(changes) {
      for (const change of changes) {
        if (change.kind === "heard" && change.after !== undefined && change.after.by !== nonce)
          toldOf.set(change.node, now());
      }
    },

    seen: (node) => void heard.set(node, now()),

    heard(node) {
      const moment = now();
      heard.set(node, moment);
      const before = written.get(node);
      return before !== undefined && moment.monotonic - before < step ? undefined : tellOthers(node, moment.monotonic);
    },

    forget(node) {
      heard.delete(node);
      toldOf.delete(node);
      written.delete(node);
    },

    isSilent,

    isSilentFor(draft, node) {
      if (!isSilent(node)) return false;
      draft.expect(keys.heard(node), state.heard.get(node)?.revision ?? 0);
      return true;
    },

    lastSeen(node) {
      const [here, elsewhere] = [heard.get(node), toldOf.get(node)];
      return (here?.monotonic ?? -1) >= (elsewhere?.monotonic ?? -1) ? here?.at : elsewhere?.at;
    },

    silence: (node) => Math.min(hereSilent(node), clock.monotonic() - (toldOf.get(node)?.monotonic ?? started)),
  };
}
