import type { DockerCaller } from "./docker-caller.ts";
import type { NetworkPlan, PlayedDaemon } from "./docker-daemon.ts";

/** A plugin under test, and what may be asked of it. */
export interface CnmSubject {
  readonly socketPath: string;
  /** How to make a docker network with an IPv4 subnet that has a gateway. */
  readonly plan: NetworkPlan;
  /** The gateway of the plan's subnet, `"10.20.0.1"`. */
  readonly gateway: string;
  /** An address of the plan's subnet that nobody has. */
  readonly freeAddress: string;
  /** Ends the plugin as `kill -9` would and starts it again with what it had written. */
  crash(): Promise<void>;
  /** How many addresses are given out to endpoints or reserved for them. */
  heldAddresses(): Promise<number>;
  stop(): Promise<void>;
}

/** What each part of the conformance suite is given: plugin and played dockerd of the running test. */
export interface CnmContext {
  subject(): CnmSubject;
  caller(): DockerCaller;
  docker(): PlayedDaemon;
}

/** What dockerd asks for when it wants the plan's IPv4 pool once more. */
export function requestPoolBody({ pool, ipamOptions }: NetworkPlan): object {
  return { AddressSpace: "holdfast", Pool: pool, SubPool: "", Options: ipamOptions, V6: false };
}
