import { Cidr, type Clock, type Identity, type IpAddress } from "@holdfast/core";
import type { Claim, Endpoint } from "@holdfast/model";
import type { Entry, Store } from "@holdfast/store";
import type { Pools } from "../claims/pools.ts";
import type { UsageCounts } from "../networks/usage-counts.ts";
import { keys, named } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { State } from "../state/state.ts";
import type { Finding, SeenClaim } from "./finding.ts";
import { createPoolCheck } from "./pool-check.ts";

/** The book against itself: what no crash and no race may ever leave, and damage can. */
export interface BookCheck {
  /** Of a claim as the store has it. Says nothing about its locks: those are looked at from their own side. */
  claim(claim: Claim): Iterable<Finding>;
  /** Whether an address's lock is as it must be, as far as the copy in memory tells. */
  isLockRight(entry: Entry): boolean;
  /** Of an address's lock that seems wrong; asks the store. Undefined: it is as it must be. */
  lock(entry: Entry): Promise<Finding | undefined>;
  /** Of every lock that a claim must have, one by one. */
  locksOf(claim: Claim): Promise<readonly Finding[]>;
  /** Of what the pool of a network gives to nobody, or would give too early; undefined for each address that is as it must be. */
  pool(network: NetworkState): Iterable<Finding | undefined>;
  /** Of an endpoint and its claim, and of its node. Undefined: they agree. */
  endpoint(endpoint: Endpoint): Finding | undefined;
}

export interface BookCheckDependencies {
  readonly state: State;
  readonly store: Store;
  readonly pools: Pools;
  readonly counts: UsageCounts;
  readonly clock: Clock;
}

export function createBookCheck(dependencies: BookCheckDependencies): BookCheck {
  const { state, store, pools } = dependencies;
  const pool = createPoolCheck(dependencies);

  function* claimFindings(claim: Claim): Iterable<Finding> {
    const { tenant, network: name, addresses, retention, binding, expiresAt } = claim;
    const network = state.network(tenant, name);
    const seen = seenOf(claim);
    const base = { object: `claim ${tenant}/${name}/${claim.identity}`, about: aboutClaim(claim) };
    const evidence = String(claim.revision);
    const outside = whyOutside(network, addresses);
    if (outside !== undefined) {
      const remedy = "give the network the subnet back, or release the claim";
      yield { ...base, kind: "claim-outside", book: sayClaim(claim), world: outside, remedy, evidence };
    }
    if (retention.kind === "ephemeral" && binding === undefined && expiresAt === undefined) {
      yield {
        ...base,
        kind: "claim-without-end",
        book: sayClaim(claim),
        world: "no endpoint has it, and nothing would ever end it",
        remedy: "it gets as long as a reservation to be bound, then it expires",
        evidence,
        repair: { kind: "end", claim: seen },
      };
    }
    if (network === undefined || outside !== undefined) return;
    for (const address of addresses) yield* addressFindings(claim, network, address);
  }

  function* addressFindings(claim: Claim, network: NetworkState, address: IpAddress): Iterable<Finding> {
    const { tenant, network: name } = claim;
    const base = {
      object: `address ${tenant}/${name}/${address}`,
      about: { ...aboutClaim(claim), addresses: [address] },
    };
    const resting = network.cooling.get(address);
    if (resting !== undefined && network.claims.get(claim.identity)?.revision === claim.revision) {
      yield {
        ...base,
        kind: "rest-of-claimed",
        book: sayClaim(claim),
        world: `it is said to rest until ${resting.until}, since ${resting.identity} released it`,
        remedy: "the rest ends",
        evidence: `${claim.revision} ${resting.revision}`,
        repair: { kind: "wake", tenant, network: name, address, revision: resting.revision },
      };
    }
    const pooled = pools.stateOf(network, address);
    if (pooled !== "used" && pooled !== "outside" && network.addresses.has(address)) {
      yield {
        ...base,
        kind: "pool-differs",
        book: sayClaim(claim),
        world: `the pool of the controller has it as ${pooled}`,
        remedy: "the pool follows the book",
        evidence: `${claim.revision} ${pooled}`,
        repair: { kind: "align", tenant, network: name, address },
      };
    }
  }

  function isLockRight({ key, value }: Entry): boolean {
    const { tenant, network, address } = named.address(key);
    return (
      state.network(tenant, network)?.addresses.get(address) === (JSON.parse(value) as { identity: Identity }).identity
    );
  }

  async function lock({ key, value, revision }: Entry): Promise<Finding | undefined> {
    const { tenant, network: name, address } = named.address(key);
    const { identity } = JSON.parse(value) as { identity: Identity };
    // The copy in memory may be behind or ahead of the page.
    const entry = await store.get(keys.claim(tenant, name, identity));
    const claim = entry === undefined ? undefined : (JSON.parse(entry.value) as Claim);
    if (claim?.addresses.includes(address) === true) return undefined;
    // Released with its claim since the page was read, it is no lock any more.
    if ((await store.get(key))?.revision !== revision) return undefined;
    const world = claim === undefined ? "there is no such claim" : `that claim has ${claim.addresses.join(" and ")}`;
    const owner = state.network(tenant, name)?.addresses.get(address);
    const other = owner === undefined ? "" : `, and ${owner} has it in its claim`;
    return {
      kind: "address-without-claim",
      object: `address ${tenant}/${name}/${address}`,
      about: { tenant, network: name, identity, addresses: [address] },
      book: `locked for ${identity}`,
      world: `${world}${other}`,
      remedy: owner === undefined ? "it rests, then is free" : "it is unlocked, so that its claim can lock it",
      evidence: `${revision} ${entry?.revision ?? 0}`,
      repair: { kind: "unlock", tenant, network: name, address, identity, revision },
    };
  }

  async function locksOf(claim: Claim): Promise<readonly Finding[]> {
    const { tenant, network, identity } = claim;
    const findings = await Promise.all(
      claim.addresses.map(async (address): Promise<Finding | undefined> => {
        const entry = await store.get(keys.address(tenant, network, address));
        const holder = entry === undefined ? undefined : (JSON.parse(entry.value) as { identity: Identity }).identity;
        if (holder === identity) return undefined;
        // Released since, it needs no lock any more.
        if ((await store.get(keys.claim(tenant, network, identity)))?.revision !== claim.revision) return undefined;
        const base = {
          kind: "claim-without-address" as const,
          object: `address ${tenant}/${network}/${address}`,
          about: { ...aboutClaim(claim), addresses: [address] },
          book: sayClaim(claim),
          evidence: `${claim.revision} ${entry?.revision ?? 0}`,
        };
        if (holder === undefined) {
          const repair = { kind: "lock", claim: seenOf(claim), address } as const;
          return {
            ...base,
            world: "it is not locked: somebody else could claim it",
            remedy: `it is locked for ${identity}`,
            repair,
          };
        }
        const remedy = `release ${identity} or ${holder}: both cannot have it`;
        return { ...base, world: `it is locked for ${holder}`, remedy };
      }),
    );
    return findings.flatMap((finding) => finding ?? []);
  }

  function endpointFinding(endpoint: Endpoint): Finding | undefined {
    const { id, tenant, network, identity, addresses, node, epoch, revision, phase } = endpoint;
    const claim = state.network(tenant, network)?.claims.get(identity);
    const base = {
      object: `endpoint ${id}`,
      about: { tenant, network, identity, addresses, node, endpoint: id },
      book: `${phase} on ${node} for ${identity} with ${addresses.join(" and ")}, epoch ${epoch}`,
      evidence: `${revision} ${claim?.revision ?? 0}`,
    };
    const bound = claim?.binding?.endpoint;
    if (bound === id) return state.nodes.has(node) ? undefined : withoutNode(endpoint, claim, base);
    const world =
      claim === undefined
        ? "there is no such claim"
        : bound === undefined
          ? `${identity} is not bound`
          : `${identity} is bound by ${bound}`;
    const replaced = claim !== undefined && (bound !== undefined ? state.endpoints.has(bound) : claim.epoch > epoch);
    const kind = "endpoint-without-claim" as const;
    if (replaced) {
      const remedy = "the node is told that it has lost it";
      return { ...base, kind, world, remedy, repair: { kind: "cut", endpoint: id, revision } };
    }
    const foreign = addresses.find(
      (address) => (state.network(tenant, network)?.addresses.get(address) ?? identity) !== identity,
    );
    if (foreign !== undefined || (claim !== undefined && claim.addresses.join() !== addresses.join())) {
      return { ...base, kind, world, remedy: `find out who is to have it; holdfast endpoint delete ${id} cuts it off` };
    }
    // It may be running: it gets its claim back rather than that it loses its address.
    return {
      ...base,
      kind,
      world,
      remedy: `${identity} gets its claim back`,
      repair: { kind: "rebind", endpoint: id, revision },
    };
  }

  return {
    claim: claimFindings,
    isLockRight,
    lock,
    locksOf,
    pool: (network) => pool.of(network),
    endpoint: endpointFinding,
  };
}

/** The node was deleted, which is done only to silent ones that serve nothing: this endpoint was made in the same moment. */
function withoutNode(
  { id, node, identity, revision }: Endpoint,
  claim: Claim | undefined,
  base: Pick<Finding, "object" | "about" | "book" | "evidence">,
): Finding {
  const kept =
    claim?.retention.kind === "ephemeral"
      ? "the claim goes with it"
      : `${identity} keeps its claim and may be bound again`;
  const world = `node ${node} was deleted`;
  const repair = { kind: "reclaim", endpoint: id, revision, claimRevision: claim?.revision ?? 0 } as const;
  return { ...base, kind: "endpoint-without-node", world, remedy: kept, repair };
}

export function claimOf(entry: Entry): Claim {
  return { ...(JSON.parse(entry.value) as Claim), revision: entry.revision };
}

export function seenOf({ tenant, network, identity, revision }: Claim): SeenClaim {
  return { tenant, network, identity, revision };
}

export function aboutClaim({ tenant, network, identity, addresses, binding }: Claim): Finding["about"] {
  const about = { tenant, network, identity, addresses };
  return binding === undefined ? about : { ...about, node: binding.node, endpoint: binding.endpoint };
}

export function sayClaim({ identity, retention, addresses, binding }: Claim): string {
  const bound = binding === undefined ? "not bound" : `bound by ${binding.endpoint} on ${binding.node}`;
  return `${identity} has ${addresses.join(" and ")} (${retention.kind}, ${bound})`;
}

function whyOutside(network: NetworkState | undefined, addresses: readonly IpAddress[]): string | undefined {
  if (network?.record === undefined) return "there is no such network";
  const { subnets } = network.record;
  const outside = addresses.filter((address) => !subnets.some(({ prefix }) => Cidr.contains(prefix, address)));
  return outside.length === 0 ? undefined : `${outside.join(" and ")} is in no subnet of the network`;
}

/** A claim that is bound by an endpoint that is not there. What its node says decides what becomes of it. */
export function unservedFinding(claim: Claim, word: string): Finding {
  return {
    kind: "binding-without-endpoint",
    object: `claim ${claim.tenant}/${claim.network}/${claim.identity}`,
    about: aboutClaim(claim),
    book: sayClaim(claim),
    world: `there is no such endpoint, and ${word}`,
    remedy: claim.retention.kind === "ephemeral" ? "the claim goes" : "it keeps its addresses and may be bound again",
    evidence: String(claim.revision),
    repair: { kind: "unbind", claim: seenOf(claim) },
  };
}
