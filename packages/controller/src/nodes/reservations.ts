import { HoldfastError, type Name } from "@holdfast/core";
import { type Claim, type Endpoint, isInRange, type Reservation, type ReservationRequest } from "@holdfast/model";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import { refuseQuarantined } from "../claims/quarantine.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import { nameQos } from "../qos/naming.ts";
import { boundError, checkOpen, notFound, ownerOf, requireNetwork } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { StoredNetwork } from "../state/records.ts";
import { ephemeralIdentity } from "./ephemeral-identity.ts";
import { wiredNetwork } from "./wired.ts";

export interface Reservations {
  /** Binds a claim to an endpoint of the node. The same endpoint id again gives the same answer. */
  reserve(node: Name, request: ReservationRequest, requestId?: string): Promise<Reservation>;
}

/** With the id under which it was made. */
type Request = ReservationRequest & { readonly requestId: string | undefined };

export function createReservations(platform: Platform, drafts: ClaimDrafts, ledger: Ledger): Reservations {
  const { state, changer, clock, liveness } = platform;

  /** The claim that the request is about, made when it is a free address; with `made`, it is in the draft and not in the store yet. */
  function findClaim(draft: Draft, node: Name, request: Request): { claim: Claim; made: boolean } {
    const { network, record } = requireNetwork(state, request.tenant, request.network);
    checkOpen(record);
    const { address, identity, retention } = request;
    const owner = address === undefined ? undefined : network.addresses.get(address);
    const ownerClaim = owner === undefined ? undefined : network.claims.get(owner);
    if (ownerClaim !== undefined) {
      if (identity !== undefined && !request.identityIsHint && identity !== owner)
        throw foreignAddress(network, request);
      return { claim: ownerClaim, made: false };
    }
    const claim = identity === undefined ? undefined : network.claims.get(identity);
    if (identity !== undefined && (!request.identityIsHint || retention !== undefined)) {
      if (claim !== undefined && address !== undefined) throw otherAddress(claim, address);
      if (claim !== undefined) return { claim, made: false };
      if (retention !== undefined) {
        return { claim: makeClaim(draft, node, { network, record, request }, { identity, retention }), made: true };
      }
      const remedy = `create it first: holdfast claim create ${identity} --network ${request.network}`;
      throw notFound(`claim ${identity} in network ${request.tenant}/${request.network}`, remedy);
    }
    if (address === undefined && claim !== undefined && claim.retention.kind !== "ephemeral") {
      return { claim, made: false };
    }
    const ephemeral = { identity: ephemeralIdentity(request.endpoint), retention: { kind: "ephemeral" } } as const;
    return { claim: makeClaim(draft, node, { network, record, request }, ephemeral), made: true };
  }

  function makeClaim(
    draft: Draft,
    node: Name,
    { network, record, request }: { network: NetworkState; record: StoredNetwork; request: Request },
    own: Pick<Claim, "identity" | "retention">,
  ): Claim {
    return drafts.make(draft, network, record, {
      ...own,
      ...(request.address === undefined
        ? { range: request.range }
        : { addresses: [request.address, ...(request.also ?? [])] }),
      labels: {},
      ...(request.qos === undefined ? {} : { qos: request.qos }),
      actor: `node/${node}`,
      requestId: request.requestId,
      node,
    });
  }

  /** Takes the claim off an endpoint that cannot be using it any more; refuses when it may. */
  function vacate(draft: Draft, node: Name, claim: Claim, { requestId }: Request): Claim {
    const { binding } = claim;
    if (claim.heldFor !== undefined && claim.heldFor !== node) {
      throw new HoldfastError(
        "claim_bound",
        `${claim.identity} is held for node ${claim.heldFor}; bind it there, or move it again`,
        { details: { identity: claim.identity, heldFor: claim.heldFor } },
      );
    }
    if (binding === undefined) return claim;
    const endpoint = state.endpoints.get(binding.endpoint);
    const reason = reasonToTakeOver(draft, endpoint, binding.node, node);
    if (reason === undefined) throw boundError(claim, "remove that container first, or move the claim by force");
    const actor = `node/${node}`;
    const event = { event: "moved", actor, requestId, node: binding.node, endpoint: binding.endpoint } as const;
    const unbound = drafts.unbind(draft, claim, endpoint, {
      event: { ...event, reason },
      superseded: reason,
      keep: true,
    });
    return unbound ?? claim;
  }

  /** What its runtime names counts where nobody else has named one. */
  function withQosOf(draft: Draft, { qos }: Request, claim: Claim): Claim {
    if (qos === undefined || claim.qos !== undefined) return claim;
    nameQos(state, draft, claim.tenant, qos);
    return { ...claim, qos };
  }

  function reasonToTakeOver(draft: Draft, endpoint: Endpoint | undefined, from: Name, to: Name): string | undefined {
    if (endpoint?.phase === "detached") return `detached on node ${from}, wanted on node ${to}`;
    if (from !== to && liveness.isSilentFor(draft, from)) {
      return `node ${from} was silent for ${Math.round(liveness.silence(from) / 1000)} s, wanted on node ${to}`;
    }
    return undefined;
  }

  function bind(draft: Draft, node: Name, claim: Claim, request: Request): { claim: Claim; endpoint: Endpoint } {
    const at = timestamp(clock);
    const actor = `node/${node}`;
    const { expiresAt: _, heldFor: __, probeDue, runtimeLabels: ___, ...rest } = claim;
    // Until it has been on the wire: a start that came to nothing proves nothing.
    const isFirstUse = claim.epoch === 0 || probeDue === true;
    const isLookedFor = state.network(claim.tenant, claim.network)?.record?.conflictProbe !== undefined;
    const bound: Claim = {
      ...rest,
      ...saidBy(request),
      ...(isLookedFor && isFirstUse ? { probeDue: true as const } : {}),
      epoch: claim.epoch + 1,
      binding: { node, endpoint: request.endpoint, since: at },
    };
    const endpoint: Endpoint = {
      id: request.endpoint,
      tenant: claim.tenant,
      network: claim.network,
      identity: claim.identity,
      node,
      epoch: bound.epoch,
      addresses: claim.addresses,
      mac: claim.mac,
      phase: "reserved",
      history: [{ phase: "reserved", at, actor }],
      workload: request.workload,
      createdAt: at,
      revision: 0,
    };
    drafts.put(draft, bound);
    draft.expect(keys.endpoint(endpoint.id), 0);
    draft.put(keys.endpoint(endpoint.id), endpoint);
    const { requestId } = request;
    ledger.record(draft, bound, { event: "bound", actor, requestId, node, endpoint: endpoint.id });
    return { claim: bound, endpoint };
  }

  return {
    async reserve(node, asked, requestId) {
      const request: Request = { ...asked, requestId };
      const { result, revision } = await changer.change((draft) => {
        if (!state.nodes.has(node)) throw notFound(`node ${node}`, "its agent has to register it first");
        const { record } = requireNetwork(state, request.tenant, request.network);
        const network = wiredNetwork(record);
        const present = state.endpoints.get(request.endpoint);
        if (present !== undefined) {
          checkSameRequest(present, node, request);
          const claim = state.network(present.tenant, present.network)?.claims.get(present.identity);
          if (claim !== undefined) return { claim, endpoint: present, network, again: true };
        }
        const lost = state.superseded.get(`${node}/${request.endpoint}`);
        if (lost !== undefined) {
          throw new HoldfastError("conflict", `endpoint ${request.endpoint} has lost its claim: ${lost.reason}`);
        }
        const { claim, made } = findClaim(draft, node, request);
        checkInRange(claim, request);
        refuseQuarantined(requireNetwork(state, request.tenant, request.network).network, claim.addresses);
        if (!made) draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
        const free = made ? claim : withQosOf(draft, request, vacate(draft, node, claim, request));
        return {
          ...bind(draft, node, free, request),
          network,
          again: false,
        };
      });
      const { claim, endpoint, network } = result;
      if (result.again) return { claim, endpoint, network };
      return { claim: { ...claim, revision }, endpoint: { ...endpoint, revision }, network };
    },
  };
}

/** Of the present workload, and none of a former one. */
function saidBy({ labels = {} }: ReservationRequest): Pick<Claim, "runtimeLabels"> {
  return Object.keys(labels).length === 0 ? {} : { runtimeLabels: labels };
}

/** @throws HoldfastError `conflict` when the same endpoint id comes with another request. */
function checkSameRequest(present: Endpoint, node: Name, request: ReservationRequest): void {
  const differs =
    present.node !== node ||
    present.tenant !== request.tenant ||
    present.network !== request.network ||
    (request.address !== undefined && !present.addresses.includes(request.address)) ||
    (request.identity !== undefined && !request.identityIsHint && request.identity !== present.identity);
  if (!differs) return;
  throw new HoldfastError(
    "conflict",
    `endpoint ${present.id} is there already, on node ${present.node} for ${present.identity} with ${present.addresses.join(", ")}; ` +
      "choose another id for another endpoint",
    { details: { endpoint: present.id, node: present.node, identity: present.identity } },
  );
}

/** @throws HoldfastError `conflict` when none of the claim's addresses is in the range that is asked for. */
function checkInRange({ identity, addresses }: Claim, { range }: ReservationRequest): void {
  if (range === undefined || addresses.some((address) => isInRange(range, address))) return;
  throw new HoldfastError(
    "conflict",
    `${identity} has ${addresses.join(", ")}, and an address from ${range.first} to ${range.last} is asked for; leave the range out`,
    { details: { identity, addresses: addresses.join(", ") } },
  );
}

function foreignAddress(network: NetworkState, { address, identity }: ReservationRequest): HoldfastError {
  if (address === undefined) return notFound("address");
  const owner = ownerOf(network, address);
  return new HoldfastError("address_in_use", `${address} belongs to ${owner.text}, not to ${identity}`, {
    details: { address, ...owner.details },
  });
}

function otherAddress(claim: Claim, address: string): HoldfastError {
  return new HoldfastError(
    "conflict",
    `${claim.identity} has ${claim.addresses.join(", ")}, not ${address}; ask for one of those or leave the address out`,
    { details: { identity: claim.identity, address: claim.addresses[0] ?? "" } },
  );
}
