import { HoldfastError, type IpAddress, isHoldfastError, MacAddress, type Name } from "@holdfast/core";
import { type Claim, type Endpoint, type EndpointReport, isOnWire, type ReportResults } from "@holdfast/model";
import { expectBlockUnchanged } from "../blocks/block-drafts.ts";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Quarantine } from "../claims/quarantine.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import { checkOpen, ownerOf } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { StoredNetwork } from "../state/records.ts";
import { ephemeralIdentity } from "./ephemeral-identity.ts";

/** Endpoints that nodes have made by themselves with addresses of their blocks, and report afterwards. */
export interface MadeEndpoints {
  /**
   * What has to be known and done before {@link takeIn}: endpoints that the node had with these addresses before are over. Undefined: the endpoint was
   * taken in before, and what the report says of its beginning is old.
   */
  begin(node: Name, report: EndpointReport): Promise<Beginning | undefined>;
  /**
   * Makes the claim and the endpoint that the node has; of one that is over, the history.
   *
   * @throws HoldfastError `claim_bound` when an address is somebody else's: the node has lost the endpoint.
   */
  takeIn(draft: Draft, node: Name, report: EndpointReport, beginning: Beginning): ReportResults["results"][number];
}

/** A lease of the store for the note that an endpoint was taken in. */
export interface Beginning {
  readonly lease: string;
}

const MOST_HISTORY = 32;

export function createMadeEndpoints(
  platform: Platform,
  { drafts, ledger, quarantine }: { drafts: ClaimDrafts; ledger: Ledger; quarantine: Quarantine },
): MadeEndpoints {
  const { state, store, changer, clock, pools, idempotency } = platform;

  /** A node gives an address again only when its former endpoint is over, whichever report comes first. */
  async function endFormer(node: Name, { made, claim: name, addresses = [] }: EndpointReport): Promise<void> {
    for (const address of addresses) {
      await changer.change((draft) => {
        const network = name && state.network(name.tenant, name.network);
        const owner = network?.addresses.get(address);
        const claim = owner === undefined ? undefined : network?.claims.get(owner);
        const former = state.endpoints.get(claim?.binding?.endpoint ?? "");
        if (claim === undefined || former === undefined || made === undefined) return undefined;
        const isOver = former.node === node && former.createdAt < made.at && claim.retention.kind === "ephemeral";
        if (!isOver) return undefined;
        const reason = "its node has given the address to another container since";
        const event = { event: "released", actor: `node/${node}`, node, endpoint: former.id, reason } as const;
        drafts.unbind(draft, claim, former, { event: { ...event, at: made.at }, superseded: reason });
        return undefined;
      });
    }
  }

  function whyLost(node: Name, network: NetworkState, address: IpAddress): string | undefined {
    if (network.addresses.has(address)) return `${address} belongs to ${ownerOf(network, address).text}`;
    if (network.quarantine.has(address)) return `${address} is in quarantine`;
    const resting = network.cooling.get(address);
    if (resting === undefined || resting.node === node) return undefined;
    if (Date.parse(resting.until) <= clock.now().getTime()) return undefined;
    return `${address} belonged to ${resting.identity} and rests until ${resting.until}`;
  }

  /** The address becomes the claim's, from the node's block or, when that is gone, like any free one. */
  function takeAddress(
    draft: Draft,
    node: Name,
    { network, record }: { readonly network: NetworkState; readonly record: StoredNetwork },
    { address, claim }: { readonly address: IpAddress; readonly claim: Claim },
  ): void {
    const { tenant, name } = network;
    const lost = whyLost(node, network, address);
    if (lost !== undefined) throw new HoldfastError("claim_bound", lost);
    const block = network.blocks.givenFrom(address);
    if (block !== undefined) draft.expect(keys.block(tenant, name, block.prefix), block.revision);
    else expectBlockUnchanged(draft, network, record, address);
    try {
      pools.take(draft, network, { address, formerOwner: true, giver: node });
    } catch (error) {
      if (!isHoldfastError(error, "address_in_use") && !isHoldfastError(error, "address_out_of_range")) throw error;
      throw new HoldfastError("claim_bound", error.message);
    }
    draft.expect(keys.address(tenant, name, address), 0);
    draft.put(keys.address(tenant, name, address), { identity: claim.identity });
    if (network.cooling.has(address)) draft.delete(keys.cooling(tenant, name, address));
  }

  function recordLife(draft: Draft, node: Name, claim: Claim, report: EndpointReport): void {
    const about = { actor: `node/${node}`, node, at: claim.createdAt };
    ledger.record(draft, claim, { ...about, event: "claimed", reason: "given by the node from its block" });
    ledger.record(draft, claim, { ...about, event: "bound", endpoint: report.endpoint });
    const last = report.transitions.at(-1);
    if (report.made?.phase !== "released" || last === undefined) return;
    const { at, reason } = last;
    ledger.record(draft, claim, { ...about, event: "released", endpoint: report.endpoint, at, reason });
  }

  return {
    async begin(node, report) {
      if (state.endpoints.has(report.endpoint)) return undefined;
      if ((await store.get(keys.takenIn(report.endpoint))) !== undefined) return undefined;
      if (report.made?.phase !== "released") await endFormer(node, report);
      return { lease: await idempotency.leaseOfThisHour() };
    },

    takeIn(draft, node, report, { lease }) {
      const { endpoint: id, epoch, made, claim: name, addresses = [] } = report;
      const network = name && state.network(name.tenant, name.network);
      const [first] = addresses;
      if (made === undefined || network?.record === undefined || first === undefined) {
        return { endpoint: id, outcome: made?.phase === "released" ? "done" : "unknown" };
      }
      const { record, tenant } = network;
      const about = { tenant, network: network.name, identity: ephemeralIdentity(id), epoch, addresses };
      const mac = MacAddress.ofAddress(first, record.segment);
      const claim: Claim = {
        ...about,
        mac,
        retention: { kind: "ephemeral" },
        binding: { node, endpoint: id, since: made.at },
        labels: {},
        createdAt: made.at,
        revision: 0,
      };
      draft.expect(keys.takenIn(id), 0);
      recordLife(draft, node, claim, report);
      draft.put(keys.takenIn(id), {}, lease);
      if (made.phase === "released") {
        const own = addresses.filter((address) => !network.addresses.has(address));
        const finder = { ...claim, addresses: own, node, endpoint: id, requestId: undefined };
        quarantine.put(draft, finder, report.conflicts ?? []);
        return { endpoint: id, outcome: "done" };
      }
      checkOpen(record);
      draft.expect(keys.network(tenant, network.name), record.revision);
      draft.expect(keys.claim(tenant, network.name, claim.identity), 0);
      for (const address of addresses) takeAddress(draft, node, { network, record }, { address, claim });
      drafts.put(draft, claim);
      const begun = { phase: "reserved" as const, at: made.at, actor: `node/${node}` };
      const later = report.transitions.filter(({ phase }) => phase !== "reserved");
      const endpoint: Endpoint = {
        ...about,
        id,
        node,
        mac,
        phase: made.phase,
        history: [begun, ...later].slice(-MOST_HISTORY),
        workload: report.workload ?? { runtime: "manual" },
        ...(report.ifIndex === undefined || !isOnWire(made.phase) ? {} : { ifIndex: report.ifIndex }),
        createdAt: made.at,
        revision: 0,
      };
      draft.expect(keys.endpoint(id), 0);
      draft.put(keys.endpoint(id), endpoint);
      return { endpoint: id, outcome: "done" };
    },
  };
}
