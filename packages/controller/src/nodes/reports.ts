import { HoldfastError, isHoldfastError, type Name } from "@holdfast/core";
import {
  type Claim,
  checkPhaseChange,
  type Endpoint,
  type EndpointReport,
  isOnWire,
  type ReportResults,
  type Transition,
} from "@holdfast/model";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Quarantine } from "../claims/quarantine.ts";
import type { Ledger } from "../ledger/ledger.ts";
import { type Platform, timestamp } from "../platform.ts";
import { notFound } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { type Beginning, createMadeEndpoints } from "./made-endpoints.ts";

export type ReportResult = ReportResults["results"][number];

export interface Reports {
  /** Each report is one commit; those of different endpoints go in parallel. Results are in the order of the reports. */
  report(node: Name, reports: readonly EndpointReport[], requestId?: string): Promise<readonly ReportResult[]>;
}

/** With the id of the request that brought it. */
type Report = EndpointReport & { readonly requestId: string | undefined };

const MOST_HISTORY = 32;

export function createReports(
  platform: Platform,
  { drafts, ledger, quarantine }: { drafts: ClaimDrafts; ledger: Ledger; quarantine: Quarantine },
): Reports {
  const { state, changer, clock } = platform;
  const made = createMadeEndpoints(platform, { drafts, ledger, quarantine });

  function apply(draft: Draft, node: Name, report: Report, beginning?: Beginning): ReportResult {
    const { endpoint: id } = report;
    const endpoint = state.endpoints.get(id);
    if (endpoint === undefined) return withoutRecord(draft, node, report, beginning);
    if (endpoint.node !== node) return { endpoint: id, outcome: "refused", detail: `it is on node ${endpoint.node}` };
    if (report.epoch > endpoint.epoch) {
      return { endpoint: id, outcome: "refused", detail: `its epoch is ${endpoint.epoch}, not ${report.epoch}` };
    }
    const known = state.network(endpoint.tenant, endpoint.network)?.claims.get(endpoint.identity);
    if (report.epoch < endpoint.epoch || known?.binding?.endpoint !== id) {
      return { endpoint: id, outcome: "superseded", detail: `epoch ${report.epoch} is over` };
    }
    const added = newTransitions(endpoint, report.transitions);
    const claim = afterUse(known, added);
    const phase = checkedPhase(endpoint, added);
    if (phase === "released") {
      const reason = added.at(-1)?.reason;
      const event = { event: claim.retention.kind === "ephemeral" ? "released" : "detached" } as const;
      const { conflicts = [], requestId } = report;
      const rest = drafts.unbind(draft, claim, endpoint, {
        event: { ...event, actor: `node/${node}`, requestId, node, endpoint: id, reason },
        restless: new Set(conflicts.map(({ address }) => address)),
      });
      if (rest !== undefined) drafts.put(draft, rest);
      quarantine.put(draft, { ...endpoint, endpoint: id, requestId }, conflicts);
      return { endpoint: id, outcome: "done" };
    }
    const workload = report.workload === undefined ? endpoint.workload : { ...endpoint.workload, ...report.workload };
    const ifIndex = interfaceAfter(endpoint, phase, report);
    const isNews = ifIndex !== endpoint.ifIndex || JSON.stringify(workload) !== JSON.stringify(endpoint.workload);
    if (added.length === 0 && !isNews) {
      return { endpoint: id, outcome: "done" };
    }
    if (claim !== known) {
      draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
      drafts.put(draft, claim);
    }
    draft.expect(keys.endpoint(id), endpoint.revision);
    const history = [...endpoint.history, ...added].slice(-MOST_HISTORY);
    draft.put(keys.endpoint(id), withInterface({ ...endpoint, phase, history, workload }, ifIndex));
    return { endpoint: id, outcome: "done" };
  }

  /** A report on an endpoint that the controller does not have (any more, or yet). */
  function withoutRecord(draft: Draft, node: Name, report: Report, beginning?: Beginning): ReportResult {
    const { endpoint: id, replaces } = report;
    const released = report.transitions.at(-1)?.phase === "released";
    const lost = state.superseded.get(`${node}/${id}`);
    if (lost !== undefined) {
      if (released) {
        draft.expect(keys.superseded(node, id), lost.revision);
        draft.delete(keys.superseded(node, id));
      }
      return { endpoint: id, outcome: "superseded", detail: lost.reason };
    }
    if (beginning !== undefined) return made.takeIn(draft, node, report, beginning);
    if (replaces !== undefined) {
      const chain = [replaces, ...(report.replacesAlso ?? [])];
      return replace(draft, node, report, chain.find((former) => state.endpoints.has(former)) ?? replaces);
    }
    if (released) return { endpoint: id, outcome: "done" };
    const taken = whyTaken(report);
    if (taken !== undefined) return { endpoint: id, outcome: "superseded", detail: taken };
    return { endpoint: id, outcome: "unknown" };
  }

  /**
   * Whose the claim or an address of an endpoint is that has no record here: what was said of its end is forgotten after a while, and with its
   * node; a node that returns after that must still not keep what others have. In a book that was restored from an older copy, others only seem to have
   * it: they were bound before the endpoint was made, so their time was over by then.
   */
  function whyTaken({ endpoint: id, epoch, claim: name, addresses = [], reservedAt }: EndpointReport) {
    if (name === undefined) return undefined;
    const network = state.network(name.tenant, name.network);
    const claim = network?.claims.get(name.identity);
    const isOver = (owner: Claim | undefined): boolean =>
      reservedAt !== undefined && owner?.binding !== undefined && owner.binding.since < reservedAt;
    if (claim !== undefined && !isOver(claim)) {
      const { binding } = claim;
      if (binding !== undefined && binding.endpoint !== id) {
        return `${name.identity} is bound by ${binding.endpoint} on node ${binding.node}`;
      }
      if (binding === undefined && claim.epoch >= epoch)
        return `${name.identity} was taken off it, epoch ${epoch} is over`;
    }
    for (const address of addresses) {
      const owner = network?.addresses.get(address) ?? name.identity;
      if (owner !== name.identity && !isOver(network?.claims.get(owner))) return `${address} belongs to ${owner}`;
    }
    return undefined;
  }

  /** The node carried on by itself: the new endpoint takes the place of the old one, on the same node and at the same epoch. */
  function replace(draft: Draft, node: Name, report: Report, replaces: string): ReportResult {
    const { endpoint: id } = report;
    const old = state.endpoints.get(replaces);
    const known = old && state.network(old.tenant, old.network)?.claims.get(old.identity);
    const claim = known && afterUse(known, report.transitions);
    if (old === undefined || claim === undefined || old.node !== node || old.epoch !== report.epoch) {
      const lost = state.superseded.get(`${node}/${replaces}`)?.reason;
      const why = lost ?? `epoch ${report.epoch} of ${replaces} on node ${node} is over`;
      return { endpoint: id, outcome: "refused", detail: `claim_bound: ${replaces} no longer has the claim: ${why}` };
    }
    if (claim.binding?.endpoint !== replaces) {
      const who = claim.binding === undefined ? "nobody" : `${claim.binding.endpoint} on node ${claim.binding.node}`;
      return { endpoint: id, outcome: "refused", detail: `claim_bound: ${claim.identity} is bound by ${who}` };
    }
    const at = timestamp(clock);
    const [first] = report.transitions;
    const begun: Transition =
      first?.phase === "reserved" ? first : { phase: "reserved", at: first?.at ?? at, actor: `node/${node}` };
    const { ifIndex: _, ...former } = old;
    const start: Endpoint = { ...former, id, phase: "reserved", history: [begun], createdAt: at, revision: 0 };
    const added = newTransitions(start, report.transitions);
    const phase = checkedPhase(start, added);
    const reason = `replaced by ${id} while no controller was reached`;
    draft.expect(keys.endpoint(replaces), old.revision);
    draft.delete(keys.endpoint(replaces));
    const workload = report.workload ?? old.workload;
    const bound = { ...claim, binding: { node, endpoint: id, since: begun.at } };
    const { requestId } = report;
    const event = { event: "moved", actor: `node/${node}`, requestId, node, endpoint: id, reason } as const;
    if (phase === "released") {
      const ended = claim.retention.kind === "ephemeral" ? "released" : "detached";
      const { conflicts = [] } = report;
      const restless = new Set(conflicts.map(({ address }) => address));
      const rest = drafts.unbind(draft, claim, undefined, { event: { ...event, event: ended }, restless });
      if (rest !== undefined) drafts.put(draft, rest);
      quarantine.put(draft, { ...old, endpoint: id, requestId }, conflicts);
      return { endpoint: id, outcome: "done" };
    }
    draft.expect(keys.endpoint(id), 0);
    const made = { ...start, phase, history: [begun, ...added].slice(-MOST_HISTORY), workload };
    draft.put(keys.endpoint(id), withInterface(made, interfaceAfter(start, phase, report)));
    draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
    drafts.put(draft, bound);
    ledger.record(draft, bound, { ...event, formerEndpoint: replaces });
    return { endpoint: id, outcome: "done" };
  }

  async function one(node: Name, report: Report): Promise<ReportResult> {
    try {
      const beginning = report.made === undefined ? undefined : await made.begin(node, report);
      const { result } = await changer.change((draft) => apply(draft, node, report, beginning));
      return result;
    } catch (error) {
      if (report.made !== undefined && isHoldfastError(error, "claim_bound")) {
        return { endpoint: report.endpoint, outcome: "superseded", detail: error.message };
      }
      if (!isHoldfastError(error, "conflict") || error.retryable) throw error;
      return { endpoint: report.endpoint, outcome: "refused", detail: error.message };
    }
  }

  return {
    async report(node, received, requestId) {
      const reports = received.map((report): Report => ({ ...report, requestId }));
      if (!state.nodes.has(node)) throw notFound(`node ${node}`, "its agent has to register it first");
      const results: (ReportResult | undefined)[] = reports.map(() => undefined);
      const run = async (index: number): Promise<void> => {
        const report = reports[index];
        if (report !== undefined) results[index] = await one(node, report);
      };
      // What replaces an endpoint goes before the news that the old one is gone, or the claim would be let go in between.
      for (const [index, report] of reports.entries()) if (report.replaces !== undefined) await run(index);
      const chains = new Map<string, Promise<void>>();
      for (const { index, report } of inOrderOfMaking(reports)) {
        if (report.replaces !== undefined) continue;
        // Endpoints that a node gave one address after the other: the end of the first one goes before the second.
        const chain = (report.made === undefined ? undefined : report.addresses?.[0]) ?? report.endpoint;
        chains.set(
          chain,
          (chains.get(chain) ?? Promise.resolve()).then(() => run(index)),
        );
      }
      await Promise.all(chains.values());
      return results.flatMap((result) => result ?? []);
    },
  };
}

/** Its interface, as its node has told it last; none when it is off the wire. */
function interfaceAfter(endpoint: Endpoint, phase: Endpoint["phase"], report: EndpointReport): number | undefined {
  return isOnWire(phase) ? (report.ifIndex ?? endpoint.ifIndex) : undefined;
}

function withInterface(known: Endpoint, ifIndex: number | undefined): Endpoint {
  const { ifIndex: _, ...endpoint } = known;
  return ifIndex === undefined ? endpoint : { ...endpoint, ifIndex };
}

/** The claim, whose addresses need not be looked for any more when they have been on the wire as its own. */
function afterUse(claim: Claim, steps: readonly Transition[]): Claim {
  if (claim.probeDue === undefined || !steps.some(({ phase }) => isOnWire(phase))) return claim;
  const { probeDue: _, ...used } = claim;
  return used;
}

/** Those that their node made by itself in the order in which it did, after the others. */
function inOrderOfMaking(reports: readonly EndpointReport[]) {
  const indexed = reports.map((report, index) => ({ report, index }));
  return indexed.sort((a, b) => (a.report.made?.at ?? "").localeCompare(b.report.made?.at ?? ""));
}

/**
 * Those after the last one that the endpoint has: reports come again, also with more at their end; and of an endpoint that was recorded as its node
 * had it at some moment, the history begins there.
 */
function newTransitions(endpoint: Endpoint, transitions: readonly Transition[]): readonly Transition[] {
  const known = new Set(endpoint.history.map(({ phase, at }) => `${phase} ${at}`));
  const last = transitions.findLastIndex(({ phase, at }) => known.has(`${phase} ${at}`));
  const added = transitions.slice(last + 1);
  let phase = endpoint.phase;
  return added.filter((transition) => {
    const stays = transition.phase === phase;
    phase = transition.phase;
    return !stays;
  });
}

/** The phase after the transitions. @throws HoldfastError `conflict`, when one is illegal. */
function checkedPhase(endpoint: Endpoint, added: readonly Transition[]): Endpoint["phase"] {
  let { phase } = endpoint;
  for (const transition of added) {
    if (phase === "released")
      throw new HoldfastError("conflict", `endpoint ${endpoint.id} is released, and that is the end`);
    checkPhaseChange(endpoint.id, phase, transition.phase);
    phase = transition.phase;
  }
  return phase;
}
