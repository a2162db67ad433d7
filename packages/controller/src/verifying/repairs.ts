import { errorText, HoldfastError, type Name } from "@holdfast/core";
import type { Claim, Endpoint, InventoryEndpoint } from "@holdfast/model";
import { expectBlockUnchanged } from "../blocks/block-drafts.ts";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { Cooling } from "../state/records.ts";
import type { Finding, Repair, SeenClaim } from "./finding.ts";
import { whyNotAdopted } from "./node-check.ts";

/** Carries out what a proven finding asks for. */
export interface Repairs {
  /** What was done; or why nothing was, when something has changed since it was seen. Does not throw. */
  carryOut(finding: Finding, why: Why): Promise<{ readonly repaired: boolean; readonly detail: string }>;
}

/** For records: who does it, and which observations prove it. */
export interface Why {
  readonly actor: string;
  readonly proof: string;
}

export interface RepairsDependencies {
  readonly platform: Platform;
  readonly drafts: ClaimDrafts;
  readonly ledger: Ledger;
  /** Has a node take an endpoint off the wire that is not its own; whether it is connected. */
  readonly tellGone: (node: Name, endpoint: string, reason: string) => boolean;
}

/** Nothing was done, for it is not any more as it was seen. */
class Changed extends Error {}

export function createRepairs({ platform, drafts, ledger, tellGone }: RepairsDependencies): Repairs {
  const { state, store, changer, clock, liveness, pools, rules } = platform;

  function endpointAsSeen(id: string, revision: number): Endpoint {
    const endpoint = state.endpoints.get(id);
    if (endpoint === undefined) throw new Changed(`endpoint ${id} is gone`);
    if (endpoint.revision !== revision) throw new Changed(`endpoint ${id} has changed since`);
    return endpoint;
  }

  function claimAsSeen({ tenant, network, identity, revision }: SeenClaim): Claim {
    const claim = state.network(tenant, network)?.claims.get(identity);
    if (claim === undefined) throw new Changed(`the claim of ${identity} is gone`);
    if (claim.revision !== revision) throw new Changed(`the claim of ${identity} has changed since`);
    return claim;
  }

  /** Of a claim all or nothing goes: its addresses have no life of their own. */
  function reclaim(draft: Draft, repair: Repair & { kind: "reclaim" }, { actor, proof }: Why): string {
    const endpoint = endpointAsSeen(repair.endpoint, repair.revision);
    const { id, node, tenant, network, identity } = endpoint;
    // What was heard before a node fell silent says nothing about what it does now.
    if (state.nodes.has(node) && liveness.isSilent(node)) throw new Changed(`node ${node} has fallen silent`);
    const claim = claimAsSeen({ tenant, network, identity, revision: repair.claimRevision });
    if (claim.binding?.endpoint !== id) throw new Changed(`${identity} is not bound by it any more`);
    const event = claim.retention.kind === "ephemeral" ? ("reclaimed" as const) : ("detached" as const);
    const rest = drafts.unbind(draft, claim, endpoint, {
      event: { event, actor, node, endpoint: id, reason: proof },
      superseded: `reclaimed: ${proof}`,
    });
    if (rest !== undefined) drafts.put(draft, rest);
    const addresses = claim.addresses.join(" and ");
    return rest === undefined
      ? `${identity} with ${addresses} is reclaimed`
      : `${identity} keeps ${addresses} and is detached`;
  }

  function cut(draft: Draft, repair: Repair & { kind: "cut" }, { proof }: Why): string {
    const { id, node, epoch, tenant, network, identity, revision } = endpointAsSeen(repair.endpoint, repair.revision);
    const claim = state.network(tenant, network)?.claims.get(identity);
    if (claim?.binding?.endpoint === id) throw new Changed(`${identity} is bound by it again`);
    draft.expect(keys.claim(tenant, network, identity), claim?.revision ?? 0);
    draft.expect(keys.endpoint(id), revision);
    draft.delete(keys.endpoint(id));
    draft.put(keys.superseded(node, id), { epoch, reason: `not its claim: ${proof}`, at: timestamp(clock) });
    return `endpoint ${id} is gone, node ${node} is told`;
  }

  function unbind(draft: Draft, repair: Repair & { kind: "unbind" }, { actor, proof }: Why): string {
    const claim = claimAsSeen(repair.claim);
    const { binding } = claim;
    if (binding === undefined || state.endpoints.has(binding.endpoint)) throw new Changed(`its endpoint is there`);
    draft.expect(keys.endpoint(binding.endpoint), 0);
    const event = claim.retention.kind === "ephemeral" ? ("reclaimed" as const) : ("detached" as const);
    const { node, endpoint } = binding;
    const rest = drafts.unbind(draft, claim, undefined, { event: { event, actor, node, endpoint, reason: proof } });
    if (rest !== undefined) drafts.put(draft, rest);
    return rest === undefined ? `${claim.identity} is reclaimed` : `${claim.identity} is detached`;
  }

  /** The endpoint gets the claim, made if need be, with the locks that are missing. The caller has seen that nobody else has them. */
  function bindTo(draft: Draft, endpoint: Endpoint, ephemeral: boolean, { actor, proof }: Why): Claim {
    const { tenant, network: name, identity, addresses, node, id, epoch } = endpoint;
    const network = state.network(tenant, name);
    const present = network?.claims.get(identity);
    const at = timestamp(clock);
    const { expiresAt: _, heldFor: __, ...before } = present ?? newClaim(endpoint, ephemeral, at);
    const claim: Claim = { ...before, epoch, binding: { node, endpoint: id, since: at } };
    draft.expect(keys.claim(tenant, name, identity), present?.revision ?? 0);
    drafts.put(draft, claim);
    if (present === undefined) {
      for (const address of addresses) {
        if (network?.record !== undefined) expectBlockUnchanged(draft, network, network.record, address);
        draft.expect(keys.address(tenant, name, address), 0);
        draft.put(keys.address(tenant, name, address), { identity });
        if (network?.cooling.has(address) === true) draft.delete(keys.cooling(tenant, name, address));
      }
      ledger.record(draft, claim, { event: "claimed", actor, node, reason: proof });
    }
    ledger.record(draft, claim, { event: "bound", actor, node, endpoint: id, reason: proof });
    return claim;
  }

  function adopt(draft: Draft, { node, endpoint: found }: Repair & { kind: "adopt" }, why: Why): string {
    const obstacle = whyNotAdopted(state, found);
    if (obstacle !== undefined) throw new Changed(obstacle);
    if (state.endpoints.has(found.id)) throw new Changed(`endpoint ${found.id} is recorded by now`);
    if (state.superseded.has(`${node}/${found.id}`)) throw new Changed(`node ${node} has lost it`);
    const { addresses } = found;
    draft.expect(keys.endpoint(found.id), 0);
    draft.expect(keys.superseded(node, found.id), 0);
    const record = state.network(found.tenant, found.network)?.record;
    draft.expect(keys.network(found.tenant, found.network), record?.revision ?? 0);
    const endpoint = recordOf(node, found, timestamp(clock));
    bindTo(draft, endpoint, found.ephemeral, why);
    draft.put(keys.endpoint(endpoint.id), endpoint);
    return `recorded: ${found.identity} with ${addresses.join(" and ")} on node ${node}`;
  }

  function rebind(draft: Draft, repair: Repair & { kind: "rebind" }, why: Why): string {
    const endpoint = endpointAsSeen(repair.endpoint, repair.revision);
    const { id, tenant, network, identity, addresses, epoch } = endpoint;
    const present = state.network(tenant, network)?.claims.get(identity);
    const bound = present?.binding?.endpoint;
    if (bound === id) throw new Changed(`${identity} is bound by it again`);
    if (bound !== undefined && state.endpoints.has(bound)) throw new Changed(`${identity} is bound by ${bound}`);
    if (present !== undefined && present.epoch > epoch)
      throw new Changed(`${identity} has gone on to epoch ${present.epoch}`);
    const foreign = addresses.find(
      (each) => (state.network(tenant, network)?.addresses.get(each) ?? identity) !== identity,
    );
    if (foreign !== undefined) throw new Changed(`${foreign} belongs to another`);
    draft.expect(keys.endpoint(id), endpoint.revision);
    bindTo(draft, endpoint, identity.startsWith("ephemeral/"), why);
    return `${identity} is bound by ${id} again`;
  }

  function lock(draft: Draft, repair: Repair & { kind: "lock" }): string {
    const { tenant, network, identity, revision } = claimAsSeen(repair.claim);
    const key = keys.address(tenant, network, repair.address);
    draft.expect(keys.claim(tenant, network, identity), revision);
    draft.expect(key, 0);
    draft.put(key, { identity });
    return `${repair.address} is locked for ${identity}`;
  }

  function unlock(draft: Draft, repair: Repair & { kind: "unlock" }, { actor, proof }: Why): string {
    const { tenant, network: name, address, identity, revision } = repair;
    const network = state.network(tenant, name);
    const claim = network?.claims.get(identity);
    if (claim?.addresses.includes(address) === true) throw new Changed(`${identity} has it by now`);
    const key = keys.address(tenant, name, address);
    draft.expect(keys.claim(tenant, name, identity), claim?.revision ?? 0);
    draft.expect(key, revision);
    draft.delete(key);
    if (network?.addresses.has(address) === true) return `${address} is unlocked`;
    const isOfBlock = network?.blocks.givenFrom(address) !== undefined;
    const cooldown = isOfBlock ? 0 : (network?.record?.cooldownSeconds ?? 0);
    const until = new Date(clock.now().getTime() + cooldown * 1000).toISOString();
    const cooling: Cooling = { until, identity };
    if (cooldown > 0) draft.put(keys.cooling(tenant, name, address), cooling);
    const last = { tenant, network: name, identity, addresses: [address] };
    const rest = cooldown > 0 ? { restsUntil: until } : {};
    ledger.record(draft, last, { event: "reclaimed", actor, reason: proof, ...rest });
    return cooldown > 0 ? `${address} rests until ${until}` : `${address} is free`;
  }

  function end(draft: Draft, repair: Repair & { kind: "end" }): string {
    const claim = claimAsSeen(repair.claim);
    const expiresAt = new Date(clock.now().getTime() + rules.reservationTimeout).toISOString();
    draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
    drafts.put(draft, { ...claim, expiresAt });
    return `it expires at ${expiresAt}`;
  }

  function wake(draft: Draft, { tenant, network, address, revision }: Repair & { kind: "wake" }): string {
    const present = state.network(tenant, network);
    if (present?.addresses.has(address) !== true) throw new Changed(`${address} is not claimed any more`);
    const key = keys.cooling(tenant, network, address);
    draft.expect(key, revision);
    draft.delete(key);
    return `${address} does not rest`;
  }

  function note(
    draft: Draft,
    { tenant, network, address, newest }: Repair & { kind: "note" },
    { actor, proof }: Why,
  ): string {
    const present = state.network(tenant, network);
    const identity = present?.addresses.get(address);
    const claim = identity === undefined ? undefined : present?.claims.get(identity);
    const reason = `corrected, the newest event was of ${newest}: ${proof}`.slice(0, 1000);
    if (claim !== undefined) {
      draft.expect(keys.claim(tenant, network, claim.identity), claim.revision);
      ledger.record(draft, { ...claim, addresses: [address] }, { event: "claimed", actor, reason });
      return `its history says that ${claim.identity} has it`;
    }
    draft.expect(keys.address(tenant, network, address), 0);
    return "released";
  }

  function settle(draft: Draft, { node, endpoint, revision }: Repair & { kind: "settle" }): string {
    draft.expect(keys.superseded(node, endpoint), revision);
    if (state.superseded.get(`${node}/${endpoint}`)?.revision !== revision) throw new Changed("it is settled by now");
    draft.delete(keys.superseded(node, endpoint));
    return "the note is gone";
  }

  function draftRepair(draft: Draft, finding: Finding, why: Why): string {
    const { repair } = finding;
    switch (repair?.kind) {
      case "reclaim":
        return reclaim(draft, repair, why);
      case "cut":
        return cut(draft, repair, why);
      case "unbind":
        return unbind(draft, repair, why);
      case "adopt":
        return adopt(draft, repair, why);
      case "rebind":
        return rebind(draft, repair, why);
      case "lock":
        return lock(draft, repair);
      case "unlock":
        return unlock(draft, repair, why);
      case "end":
        return end(draft, repair);
      case "wake":
        return wake(draft, repair);
      case "note": {
        const said = note(draft, repair, why);
        if (said !== "released") return said;
        const { tenant, network, address } = repair;
        const identity = finding.about.identity;
        if (identity === undefined) throw new Changed("nobody is known to have had it");
        const last = { tenant, network, identity, addresses: [address] };
        ledger.record(draft, last, { event: "released", actor: why.actor, reason: why.proof });
        return "its history says that nobody has it";
      }
      case "settle":
        return settle(draft, repair);
      case "align":
      case "tell":
      case undefined:
        throw new TypeError(`bug: no commit repairs ${finding.kind}`);
    }
  }

  /** Locks are not held in memory: a decision that rests on one would be made again and again on the same. */
  async function checkLock({ repair: what }: Finding): Promise<void> {
    if (what?.kind !== "lock" && what?.kind !== "unlock") return;
    const { tenant, network } = what.kind === "lock" ? what.claim : what;
    const present = (await store.get(keys.address(tenant, network, what.address)))?.revision ?? 0;
    if (present !== (what.kind === "lock" ? 0 : what.revision)) throw new Changed(`${what.address} is locked anew`);
  }

  async function commit(finding: Finding, why: Why): Promise<string> {
    await checkLock(finding);
    const { result } = await changer.change((draft) => ({ detail: draftRepair(draft, finding, why) }));
    return result.detail;
  }

  async function repair(finding: Finding, why: Why): Promise<string> {
    const { repair: what } = finding;
    if (what?.kind === "tell") {
      if (state.endpoints.has(what.endpoint) && finding.kind === "endpoint-unknown")
        throw new Changed("it is recorded by now");
      if (!tellGone(what.node, what.endpoint, why.proof)) throw new Changed(`node ${what.node} is not connected`);
      return `node ${what.node} is told to take it down`;
    }
    if (what?.kind === "align") {
      const network = state.network(what.tenant, what.network);
      if (network !== undefined) pools.align(network, what.address);
      return "the pool has it as the book";
    }
    return await commit(finding, why);
  }

  return {
    async carryOut(finding, why) {
      try {
        return { repaired: true, detail: await repair(finding, why) };
      } catch (error) {
        if (error instanceof Changed) return { repaired: false, detail: `left alone: ${error.message}` };
        if (error instanceof HoldfastError) return { repaired: false, detail: `left alone: ${errorText(error)}` };
        throw error;
      }
    },
  };
}

/** What the node has, as a record of ours. */
function recordOf(node: Name, found: InventoryEndpoint, at: string): Endpoint {
  const { id, tenant, network, identity, epoch, addresses, mac, phase, workload, since } = found;
  const history = [{ phase, at: since, actor: `node/${node}` }];
  return {
    id,
    tenant,
    network,
    identity,
    node,
    epoch,
    addresses,
    mac,
    phase,
    history,
    workload,
    createdAt: at,
    revision: 0,
  };
}

function newClaim({ tenant, network, identity, addresses, mac }: Endpoint, ephemeral: boolean, at: string): Claim {
  const retention = ephemeral ? ({ kind: "ephemeral" } as const) : ({ kind: "reserved" } as const);
  return { tenant, network, identity, addresses, mac, retention, epoch: 0, labels: {}, createdAt: at, revision: 0 };
}
