import { HoldfastError, type IpAddress, MacAddress } from "@holdfast/core";
import type { Claim, Endpoint, Retention } from "@holdfast/model";
import { expectBlockUnchanged, withholdFromNodes } from "../blocks/block-drafts.ts";
import type { Ledger, LedgerEvent } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import { nameQos } from "../qos/naming.ts";
import { boundError, checkIfMatch, checkOpen, invalidField } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { Cooling, StoredNetwork } from "../state/records.ts";
import { type AddressWish, planAddresses, sizeOfPlan, takeAddresses } from "./address-choice.ts";
import { expectNoQuarantine, recordQuarantined } from "./quarantine.ts";

/** What a new claim is to be. */
export interface ClaimRequest extends AddressWish {
  readonly retention: Retention;
  readonly labels: Claim["labels"];
  /** Its QoS profile, which must be there. Absent: that of its groups. */
  readonly qos?: Claim["qos"];
  readonly actor: string;
  readonly requestId?: string | undefined;
  /** The address book that it was in before. Absent: it is new. */
  readonly importedFrom?: string | undefined;
}

/** The steps that claims are made of, drafted as parts of one commit. */
export interface ClaimDrafts {
  /** Takes addresses and makes the claim. Puts everything but the claim itself, which the caller may still change. */
  make(draft: Draft, network: NetworkState, record: StoredNetwork, request: ClaimRequest): Claim;
  put(draft: Draft, claim: Claim): void;
  /** Drops a claim because somebody says so. @throws HoldfastError `precondition_failed`, `claim_bound`. */
  release(draft: Draft, claim: Claim, caller: Caller): void;
  /** Deletes the claim; its addresses rest, but for those in quarantine and the `restless` ones, which come into it. */
  drop(draft: Draft, claim: Claim, event: LedgerEvent, restless?: ReadonlySet<IpAddress>): void;
  /**
   * Takes the claim off its endpoint, whose record goes. What becomes of the claim follows from its retention; undefined: it is gone.
   * When its node has not taken the endpoint down itself, `superseded` says why, for the node.
   */
  unbind(draft: Draft, claim: Claim, endpoint: Endpoint | undefined, how: Unbinding): Claim | undefined;
}

export interface Unbinding {
  readonly event: LedgerEvent;
  /** Present: the node is told that it has lost the endpoint, with this reason. */
  readonly superseded?: string;
  /** The claim goes on to another endpoint: an ephemeral one stays. */
  readonly keep?: boolean;
  /** Addresses that come into quarantine in the same commit. */
  readonly restless?: ReadonlySet<IpAddress>;
}

export function createClaimDrafts(platform: Platform, ledger: Ledger): ClaimDrafts {
  const { clock } = platform;

  function drop(draft: Draft, claim: Claim, event: LedgerEvent, restless?: ReadonlySet<IpAddress>): void {
    const { tenant, network, identity } = claim;
    draft.expect(keys.claim(tenant, network, identity), claim.revision);
    draft.delete(keys.claim(tenant, network, identity));
    const from = platform.state.network(tenant, network);
    const cooldown = from?.record?.cooldownSeconds ?? 0;
    const cooling: Cooling = {
      until: new Date(clock.now().getTime() + cooldown * 1000).toISOString(),
      identity,
      ...(claim.retention.kind === "ephemeral" && event.node !== undefined ? { node: event.node } : {}),
    };
    let rests = false;
    for (const address of claim.addresses) {
      // In a book that has come to harm, the lock may be another's.
      if ((from?.addresses.get(address) ?? identity) !== identity) continue;
      draft.delete(keys.address(tenant, network, address));
      // When an address of a block may be used again, its node decides.
      if (cooldown === 0 || from?.blocks.givenFrom(address) !== undefined) continue;
      if (restless?.has(address) === true || from?.quarantine.has(address) === true) continue;
      rests = true;
      draft.put(keys.cooling(tenant, network, address), cooling);
    }
    ledger.record(draft, claim, rests ? { ...event, restsUntil: cooling.until } : event);
    if (from !== undefined) recordQuarantined(draft, ledger, from, claim);
  }

  /** An ephemeral claim goes with its endpoint; one that never gets an endpoint has as long as a reservation. Binding takes the end away. */
  function endOf({ retention }: ClaimRequest): { readonly expiresAt?: string } {
    if (retention.kind !== "ephemeral") return {};
    return { expiresAt: new Date(clock.now().getTime() + platform.rules.reservationTimeout).toISOString() };
  }

  return {
    make(draft, network, record, request) {
      const { tenant, name } = network;
      const { identity } = request;
      checkOpen(record);
      if (network.claims.has(identity)) {
        const addresses = network.claims.get(identity)?.addresses.join(", ") ?? "";
        throw new HoldfastError(
          "already_exists",
          `${identity} has a claim in network ${tenant}/${name}: ${addresses}`,
          {
            details: { identity, addresses },
          },
        );
      }
      const plan = planAddresses(network, request);
      platform.quotas.admit(draft, network, { identity, addresses: sizeOfPlan(plan) });
      const addresses = takeAddresses(platform, draft, network, { ...request, plan });
      const [first] = addresses;
      if (first === undefined) throw invalidField("addresses", "at least one is needed");
      const claim: Claim = {
        tenant,
        network: name,
        identity,
        addresses: [...addresses],
        mac: MacAddress.ofAddress(first, record.segment),
        ...(request.group === undefined ? {} : { group: request.group }),
        retention: request.retention,
        ...(request.qos === undefined ? {} : { qos: request.qos }),
        epoch: 0,
        labels: request.labels,
        ...endOf(request),
        createdAt: timestamp(clock),
        revision: 0,
      };
      nameQos(platform.state, draft, tenant, request.qos);
      draft.expect(keys.network(tenant, name), record.revision);
      draft.expect(keys.claim(tenant, name, identity), 0);
      for (const address of addresses) {
        draft.expect(keys.address(tenant, name, address), 0);
        expectBlockUnchanged(draft, network, record, address);
        expectNoQuarantine(draft, network, record, address);
        draft.put(keys.address(tenant, name, address), { identity });
        expectRest(draft, network, record, address);
      }
      ledger.record(draft, claim, {
        ...beginningOf(request),
        actor: request.actor,
        requestId: request.requestId,
        node: request.node,
      });
      return claim;
    },

    put(draft, claim) {
      withholdFromNodes(draft, platform.state.network(claim.tenant, claim.network), claim);
      draft.put(keys.claim(claim.tenant, claim.network, claim.identity), claim);
    },

    release(draft, claim, caller) {
      checkIfMatch(caller, `claim ${claim.identity}`, claim.revision);
      if (claim.binding !== undefined)
        throw boundError(claim, "remove its container first, or move the claim by force");
      drop(draft, claim, { event: "released", actor: caller.actor, requestId: caller.requestId });
    },

    drop,

    unbind(draft, claim, endpoint, { event, superseded, keep = false, restless }) {
      if (endpoint !== undefined) {
        draft.expect(keys.endpoint(endpoint.id), endpoint.revision);
        draft.delete(keys.endpoint(endpoint.id));
        if (superseded !== undefined) {
          const left = { epoch: endpoint.epoch, reason: superseded, at: timestamp(clock) };
          draft.put(keys.superseded(endpoint.node, endpoint.id), left);
        }
      }
      if (claim.retention.kind === "ephemeral" && !keep) {
        drop(draft, claim, event, restless);
        return undefined;
      }
      const { binding: _, expiresAt: __, ...rest } = claim;
      draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
      ledger.record(draft, claim, event);
      if (claim.retention.kind !== "sticky") return rest;
      const expires = clock.now().getTime() + claim.retention.ttlSeconds * 1000;
      return { ...rest, expiresAt: new Date(expires).toISOString() };
    },
  };
}

function beginningOf({ importedFrom }: ClaimRequest) {
  if (importedFrom === undefined) return { event: "claimed" } as const;
  return { event: "imported", reason: `from ${importedFrom}` } as const;
}

/**
 * Taking an address ends its rest. That it is absent proves nothing about rest: others may have claimed and released it since it was looked at.
 */
function expectRest(draft: Draft, network: NetworkState, record: StoredNetwork, address: IpAddress): void {
  const key = keys.cooling(network.tenant, network.name, address);
  const resting = network.cooling.get(address);
  if (resting !== undefined || record.cooldownSeconds > 0) draft.expect(key, resting?.revision ?? 0);
  if (resting !== undefined) draft.delete(key);
}
