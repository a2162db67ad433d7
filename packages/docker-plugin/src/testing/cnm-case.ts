import type { DockerCaller } from "./docker-caller.ts";
import type { NetworkPlan, PlayedDaemon, PlayedNetwork } from "./docker-daemon.ts";

/** A plugin under test, and what may be asked of it from outside. */
export interface CnmSubject {
  readonly socketPath: string;
  /** How to make a docker network with an IPv4 subnet. */
  readonly plan: NetworkPlan;
  /** An address of the plan's subnet that nobody has, `"10.20.0.3"`; absent: none was named. */
  readonly freeAddress?: string | undefined;
  /** Ends the plugin as `kill -9` would and starts it again with what it had written; absent: it cannot be done. */
  readonly crash?: (() => Promise<void>) | undefined;
  /** Addresses that are given out to endpoints or reserved for them; absent: it is not known. */
  readonly heldAddresses?: (() => Promise<readonly string[]>) | undefined;
}

/** What a case may need that not every plugin can be asked for. */
export type Need = "address" | "restart" | "held";

/** What a case works with: the plugin and a dockerd that is played. */
export interface CnmStage {
  readonly plan: NetworkPlan;
  /** For cases with the need `address`. */
  readonly freeAddress: string;
  readonly caller: DockerCaller;
  readonly docker: PlayedDaemon;
  /** `docker network create` with the plan. */
  network(): Promise<PlayedNetwork>;
  /** Needs `restart`. */
  crash(): Promise<void>;
  /** Waits until so many addresses are held beyond those that were before the case. Needs `held`. @throws Error when it does not come to it. */
  holds(count: number): Promise<void>;
}

/** One thing that Docker expects of a plugin. */
export interface CnmCase {
  /** E.g. `"crash-after-join"`: what lists of expected failures call it. */
  readonly id: string;
  /** A sentence. */
  readonly title: string;
  readonly needs?: readonly Need[];
  readonly run: (stage: CnmStage) => Promise<void>;
}

/** What a case needs and the plugin does not have. */
export function missingNeeds({ needs = [] }: CnmCase, subject: CnmSubject): readonly Need[] {
  const has = {
    address: subject.freeAddress !== undefined,
    restart: subject.crash !== undefined,
    held: subject.heldAddresses !== undefined,
  };
  return needs.filter((need) => !has[need]);
}
