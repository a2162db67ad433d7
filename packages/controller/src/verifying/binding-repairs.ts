import type { Name } from "@holdfast/core";
import type { Claim, Endpoint, InventoryEndpoint } from "@holdfast/model";
import { expectBlockUnchanged } from "../blocks/block-drafts.ts";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { type AsSeen, Changed } from "./as-seen.ts";
import type { Repair, Why } from "./finding.ts";
import { whyNotAdopted } from "./node-check.ts";

/** For whom a claim is made or bound. */
interface Owner {
  readonly ephemeral: boolean;
  /** What its runtime says of it. Absent: nobody knows, and what the claim has of that stays. */
  readonly said?: Claim["labels"] | undefined;
}

/** Repairs of who has which claim. Each gives what was done. @throws Changed */
export function createBindingRepairs(
  { state, clock, liveness }: Pick<Platform, "state" | "clock" | "liveness">,
  { drafts, ledger, asSeen }: { readonly drafts: ClaimDrafts; readonly ledger: Ledger; readonly asSeen: AsSeen },
) {
  /** Of a claim all or nothing goes: its addresses have no life of their own. */
  function reclaim(draft: Draft, repair: Repair & { kind: "reclaim" }, { actor, proof }: Why): string {
    const endpoint = asSeen.endpoint(repair.endpoint, repair.revision);
    const { id, node, tenant, network, identity } = endpoint;
    // What was heard before a node fell silent says nothing about what it does now.
    if (state.nodes.has(node) && liveness.isSilent(node)) throw new Changed(`node ${node} has fallen silent`);
    const claim = asSeen.claim({ tenant, network, identity, revision: repair.claimRevision });
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
    const { id, node, epoch, tenant, network, identity, revision } = asSeen.endpoint(repair.endpoint, repair.revision);
    const claim = state.network(tenant, network)?.claims.get(identity);
    if (claim?.binding?.endpoint === id) throw new Changed(`${identity} is bound by it again`);
    draft.expect(keys.claim(tenant, network, identity), claim?.revision ?? 0);
    draft.expect(keys.endpoint(id), revision);
    draft.delete(keys.endpoint(id));
    draft.put(keys.superseded(node, id), { epoch, reason: `not its claim: ${proof}`, at: timestamp(clock) });
    return `endpoint ${id} is gone, node ${node} is told`;
  }

  function unbind(draft: Draft, repair: Repair & { kind: "unbind" }, { actor, proof }: Why): string {
    const claim = asSeen.claim(repair.claim);
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
  function bindTo(draft: Draft, endpoint: Endpoint, { ephemeral, said }: Owner, { actor, proof }: Why): Claim {
    const { tenant, network: name, identity, addresses, node, id, epoch } = endpoint;
    const network = state.network(tenant, name);
    const present = network?.claims.get(identity);
    const at = timestamp(clock);
    const { expiresAt: _, heldFor: __, runtimeLabels, ...before } = present ?? newClaim(endpoint, ephemeral, at);
    const spoken = said ?? runtimeLabels ?? {};
    const ofRuntime = Object.keys(spoken).length === 0 ? {} : { runtimeLabels: spoken };
    const claim: Claim = { ...before, ...ofRuntime, epoch, binding: { node, endpoint: id, since: at } };
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
    const obstacle = whyNotAdopted(state, node, found);
    if (obstacle !== undefined) throw new Changed(obstacle);
    if (state.endpoints.has(found.id)) throw new Changed(`endpoint ${found.id} is recorded by now`);
    if (state.superseded.has(`${node}/${found.id}`)) throw new Changed(`node ${node} has lost it`);
    const { addresses } = found;
    draft.expect(keys.endpoint(found.id), 0);
    draft.expect(keys.superseded(node, found.id), 0);
    const record = state.network(found.tenant, found.network)?.record;
    draft.expect(keys.network(found.tenant, found.network), record?.revision ?? 0);
    const endpoint = recordOf(node, found, timestamp(clock));
    bindTo(draft, endpoint, { ephemeral: found.ephemeral, said: found.labels ?? {} }, why);
    draft.put(keys.endpoint(endpoint.id), endpoint);
    return `recorded: ${found.identity} with ${addresses.join(" and ")} on node ${node}`;
  }

  function rebind(draft: Draft, repair: Repair & { kind: "rebind" }, why: Why): string {
    const endpoint = asSeen.endpoint(repair.endpoint, repair.revision);
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
    bindTo(draft, endpoint, { ephemeral: identity.startsWith("ephemeral/") }, why);
    return `${identity} is bound by ${id} again`;
  }

  return { reclaim, cut, unbind, adopt, rebind };
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
