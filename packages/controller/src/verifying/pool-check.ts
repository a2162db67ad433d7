import type { Clock, IpAddress } from "@holdfast/core";
import type { AddressState } from "@holdfast/ipam";
import type { Pools } from "../claims/pools.ts";
import { releaseCommand } from "../claims/quarantine.ts";
import type { UsageCounts } from "../networks/usage-counts.ts";
import type { Resting } from "../state/cooling-table.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { QuarantineEntry } from "../state/quarantine-table.ts";
import type { Finding } from "./finding.ts";

/** The pool of a network against the book. */
export interface PoolCheck {
  /** Of what the pool gives to nobody, or would give too early; undefined for each address that is as it must be. */
  of(network: NetworkState): Iterable<Finding | undefined>;
}

export function createPoolCheck({
  pools,
  counts,
  clock,
}: {
  readonly pools: Pools;
  readonly counts: UsageCounts;
  readonly clock: Clock;
}): PoolCheck {
  function* of(network: NetworkState): Iterable<Finding | undefined> {
    for (const { subnet: prefix, used } of pools.utilisation(network)) {
      // Each claimed address was looked for in the pool: with as many used ones there can be no others.
      if (used <= counts.ofSubnet(network, prefix).used) continue;
      for (const address of pools.usedOf(network, prefix)) yield strayFinding(network, address);
    }
    for (const resting of network.cooling.values()) yield restFinding(network, resting);
    for (const entry of network.quarantine.values()) yield quarantineFinding(network, entry);
  }

  function strayFinding(network: NetworkState, address: IpAddress): Finding | undefined {
    if (network.addresses.has(address) || pools.isProposed(network, address)) return undefined;
    const book = network.cooling.has(address) ? "it rests" : "nobody has it";
    return misalignment(network, address, { book, pooled: "used", revision: 0 });
  }

  function restFinding(network: NetworkState, { address, until, identity, revision }: Resting): Finding | undefined {
    const isOver = Date.parse(until) <= clock.now().getTime();
    if (isOver || pools.stateOf(network, address) !== "unused") return undefined;
    const book = `it rests until ${until}, since ${identity} released it`;
    return misalignment(network, address, { book, pooled: "unused", revision });
  }

  /** One that the pool would give, or that is in no subnet: a subnet with such addresses is not removed. */
  function quarantineFinding(network: NetworkState, { address, mac, since, revision }: QuarantineEntry) {
    const book = `it is in quarantine since ${since}: ${mac} answered for it`;
    const pooled = pools.stateOf(network, address);
    if (pooled === "set-aside" || network.addresses.has(address)) return undefined;
    if (pooled !== "outside") return misalignment(network, address, { book, pooled, revision });
    const { tenant, name } = network;
    return {
      kind: "quarantine-outside" as const,
      object: `address ${tenant}/${name}/${address}`,
      about: { tenant, network: name, addresses: [address] },
      book,
      world: network.record === undefined ? "there is no such network" : "it is in no subnet of the network",
      remedy: `give the network the subnet back, or: ${releaseCommand(network, address)}`,
      evidence: String(revision),
    };
  }

  function misalignment(
    { tenant, name }: NetworkState,
    address: IpAddress,
    seen: { readonly book: string; readonly pooled: AddressState; readonly revision: number },
  ): Finding {
    return {
      kind: "pool-differs",
      object: `address ${tenant}/${name}/${address}`,
      about: { tenant, network: name, addresses: [address] },
      book: seen.book,
      world: `the pool of the controller has it as ${seen.pooled}`,
      remedy: "the pool follows the book",
      evidence: `${seen.revision} ${seen.pooled}`,
      repair: { kind: "align", tenant, network: name, address },
    };
  }

  return { of };
}
