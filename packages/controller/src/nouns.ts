import type { Clock } from "@holdfast/core";
import type { DifferenceKind } from "@holdfast/model";
import type { Store } from "@holdfast/store";
import { type Blocks, createBlocks } from "./blocks/blocks.ts";
import { type ClaimsAnywhere, createClaimsAnywhere } from "./claims/anywhere.ts";
import { type BulkClaims, createBulkClaims } from "./claims/bulk.ts";
import { createClaimDrafts } from "./claims/claim-drafts.ts";
import { type Claims, createClaims } from "./claims/claims.ts";
import { createExpiry, type Expiry } from "./claims/expiry.ts";
import { createQuarantine, type Quarantine } from "./claims/quarantine.ts";
import { createTransfers, type Transfers } from "./claims/transfer.ts";
import { createExplainer, type Explainer } from "./ledger/explain.ts";
import { createLedger, type Ledger } from "./ledger/ledger.ts";
import { createMoments } from "./ledger/moments.ts";
import { createLedgerOrder, type LedgerOrder } from "./ledger/order.ts";
import { createLedgerReader, type LedgerReader } from "./ledger/reading.ts";
import { createRefusalLog, type RefusalLog } from "./ledger/refusal-log.ts";
import { createLedgerRetention, type LedgerRetention, type RetentionOptions } from "./ledger/retention.ts";
import { createDraining, type Draining } from "./networks/draining.ts";
import { createGroupRanges, type GroupRanges } from "./networks/group-ranges.ts";
import { createNetworks, type Networks } from "./networks/networks.ts";
import { createSubnets, type Subnets } from "./networks/subnets.ts";
import { createTenants, type Tenants } from "./networks/tenants.ts";
import { createUsage, type Usage } from "./networks/usage.ts";
import { createEndpoints, type Endpoints } from "./nodes/endpoints.ts";
import { createInventories, type Inventories } from "./nodes/inventories.ts";
import { createNodeFeeds, type NodeFeeds } from "./nodes/node-feeds.ts";
import { createNodes, type Nodes } from "./nodes/nodes.ts";
import { createReports, type Reports } from "./nodes/reports.ts";
import { createReservations, type Reservations } from "./nodes/reservations.ts";
import { createOperations, type Operations } from "./operations/operations.ts";
import type { Platform } from "./platform.ts";
import { type AddressSets, createAddressSets } from "./policy/address-sets.ts";
import { createPolicyCounts, type PolicyCounts } from "./policy/counters.ts";
import { createPolicyExplainer, type ExplainPolicy } from "./policy/explain.ts";
import { createFollowedPolicies } from "./policy/followed-policies.ts";
import { createGroups, type Groups } from "./policy/groups.ts";
import { createPolicies, type Policies } from "./policy/policies.ts";
import { createSampleVerdicts, type SampleVerdict } from "./policy/sample-verdicts.ts";
import { createQosChoice, type QosChoice } from "./qos/choice.ts";
import { createQosProfiles, type QosProfiles } from "./qos/profiles.ts";
import { type Adoption, createAdoption } from "./verifying/adoption.ts";
import { createRepairs } from "./verifying/repairs.ts";
import { createVerifier, type Verifier } from "./verifying/verifier.ts";

/** The services, one per noun. */
export interface Nouns {
  readonly tenants: Tenants;
  readonly networks: Networks;
  readonly subnets: Subnets;
  readonly draining: Draining;
  readonly groupRanges: GroupRanges;
  readonly usage: Usage;
  readonly operations: Operations;
  readonly claims: Claims;
  readonly bulk: BulkClaims;
  readonly anywhere: ClaimsAnywhere;
  readonly transfers: Transfers;
  readonly quarantine: Quarantine;
  readonly groups: Groups;
  readonly addressSets: AddressSets;
  readonly policies: Policies;
  readonly explainPolicy: ExplainPolicy;
  readonly policyCounts: PolicyCounts;
  readonly sampleVerdict: SampleVerdict;
  readonly qosProfiles: QosProfiles;
  readonly qosChoice: QosChoice;
  readonly endpoints: Endpoints;
  readonly reservations: Reservations;
  readonly reports: Reports;
  readonly nodes: Nodes;
  readonly blocks: Blocks;
  readonly ledger: Ledger;
  readonly refusals: RefusalLog;
  readonly order: LedgerOrder;
  readonly reader: LedgerReader;
  readonly retention: LedgerRetention;
  readonly explainer: Explainer;
  readonly feeds: NodeFeeds;
  readonly expiry: Expiry;
  readonly inventories: Inventories;
  readonly verifier: Verifier;
  readonly adoption: Adoption;
}

export interface NounOptions extends RetentionOptions {
  /** Milliseconds. */
  readonly beat: number;
  /** Tells the ledger entries of this process from those of others. */
  readonly nonce: string;
  readonly feedDropped: () => void;
  readonly refusalDropped: () => void;
  readonly expired: (what: string) => void;
  readonly differences: (what: "found" | "repaired", kind: DifferenceKind) => void;
  /** Milliseconds between two observations that prove a difference. */
  readonly grace: number;
}

/** Milliseconds that a node has to say what it has. */
const INVENTORY_PATIENCE = 10_000;
/** News that may wait for a node that reads slowly, in characters. */
const MOST_WAITING = 8 * 1024 * 1024;

export function createNouns(platform: Platform, options: NounOptions): Nouns {
  const { store, clock, state }: { store: Store; clock: Clock; state: Platform["state"] } = platform;
  const moments = createMoments({ clock, nonce: options.nonce });
  const ledger = createLedger({ store, clock, moments });
  const refusals = createRefusalLog({ ...platform, moments }, { dropped: options.refusalDropped });
  const order = createLedgerOrder({ ...platform, moments });
  const drafts = createClaimDrafts(platform, ledger);
  const quarantine = createQuarantine(platform, ledger);
  const qosChoice = createQosChoice(state);
  const policyCounts = createPolicyCounts(platform);
  const feeds = createNodeFeeds(
    { state, clock, policies: createFollowedPolicies(state), qos: qosChoice },
    { beat: options.beat, mostWaiting: MOST_WAITING, dropped: options.feedDropped },
  );
  const repairs = createRepairs({ platform, drafts, ledger, tellGone: feeds.tellGone });
  const adoption = createAdoption({ platform, repairs, inventories: () => inventories });
  const inventories: Inventories = createInventories(platform, {
    send: feeds.askInventory,
    patience: INVENTORY_PATIENCE,
    connected: adoption.connected,
  });
  const verifying = { platform, inventories, repairs, count: options.differences };
  return {
    inventories,
    adoption,
    verifier: createVerifier(verifying, { grace: options.grace }),
    tenants: createTenants(platform),
    networks: createNetworks(platform),
    subnets: createSubnets(platform),
    draining: createDraining(platform),
    groupRanges: createGroupRanges(platform),
    usage: createUsage(platform),
    operations: createOperations(platform, options.nonce),
    claims: createClaims(platform, drafts),
    bulk: createBulkClaims(platform, drafts),
    anywhere: createClaimsAnywhere(platform, drafts),
    transfers: createTransfers(platform, ledger),
    quarantine,
    groups: createGroups(platform),
    addressSets: createAddressSets(platform),
    policies: createPolicies(platform),
    explainPolicy: createPolicyExplainer(state),
    policyCounts,
    sampleVerdict: createSampleVerdicts(state, policyCounts),
    qosProfiles: createQosProfiles(platform),
    qosChoice,
    endpoints: createEndpoints(platform, drafts),
    reservations: createReservations(platform, drafts, ledger),
    reports: createReports(platform, { drafts, ledger, quarantine }),
    blocks: createBlocks(platform, ledger, options),
    nodes: createNodes(platform, ledger),
    ledger,
    refusals,
    order,
    reader: createLedgerReader({ store, order, refusals }),
    retention: createLedgerRetention({ ...platform, order }, options),
    explainer: createExplainer(platform, { ledger, order, refusals }),
    feeds,
    expiry: createExpiry(platform, { drafts, ledger, quarantine }, { remind: feeds.remind, expired: options.expired }),
  };
}
