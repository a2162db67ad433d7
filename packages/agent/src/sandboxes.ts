import type { LocalEndpoint } from "./local-endpoint.ts";

/** The network namespaces of containers, by their paths, e.g. `"/run/docker/netns/2a24eb473cae"`. */
export interface Sandboxes {
  /** One look at all of them. A path that is missing in the answer is `unknown`. */
  look(paths: readonly string[]): Promise<ReadonlyMap<string, SandboxState>>;
}

/**
 * `inhabited`: a process runs in it; `empty`: the namespace is there and no process is in it; `gone`: it was there and is not any more; `unknown`: it
 * cannot be looked at, or was never seen from here, so that its absence says nothing.
 */
export type SandboxState = "inhabited" | "empty" | "gone" | "unknown";

/**
 * Whether nobody can be living in it. Docker's namespaces have a process as long as their containers live. Runtimes that speak CNI pin one by a bind
 * mount, and a pod in which no process is lives all the same.
 */
export function isDead(state: SandboxState | undefined, runtime: LocalEndpoint["workload"]["runtime"]): boolean {
  return state === "gone" || (state === "empty" && runtime === "docker");
}

/** Of a machine whose sandboxes cannot be seen: nothing is ever gone. */
export const UNSEEN_SANDBOXES: Sandboxes = { look: () => Promise.resolve(new Map()) };
