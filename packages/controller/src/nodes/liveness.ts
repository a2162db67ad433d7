import type { Clock, Name } from "@holdfast/core";

/** When each node was heard of last. In memory only: a controller that has just started has heard of nobody, and gives everybody time. */
export interface Liveness {
  /** The node has said something just now. */
  seen(node: Name): void;
  forget(node: Name): void;
  /** Not heard of for the node timeout; until the timeout after the start, nobody is silent. */
  isSilent(node: Name): boolean;
  /** Undefined: not since the controller started. */
  lastSeen(node: Name): Date | undefined;
  /** Milliseconds for which the node has said nothing (or, if it never did, since the start). */
  silence(node: Name): number;
}

export function createLiveness({ clock }: { readonly clock: Clock }, options: { readonly timeout: number }): Liveness {
  const started = clock.monotonic();
  const heard = new Map<Name, { readonly at: Date; readonly monotonic: number }>();
  const silence = (node: Name) => clock.monotonic() - (heard.get(node)?.monotonic ?? started);
  return {
    seen: (node) => void heard.set(node, { at: clock.now(), monotonic: clock.monotonic() }),
    forget: (node) => void heard.delete(node),
    isSilent: (node) => silence(node) >= options.timeout,
    lastSeen: (node) => heard.get(node)?.at,
    silence,
  };
}
