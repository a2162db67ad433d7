import { createNap, errorText, type IpAddress, type Name } from "@holdfast/core";
import type { Claim, Endpoint } from "@holdfast/model";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import type { ClaimName } from "../refusals.ts";
import { address } from "../rows/address-codec.ts";
import { text, word } from "../rows/codec.ts";
import { record } from "../rows/record-codec.ts";
import { keys, named } from "../state/keys.ts";
import type { StateChange } from "../state/records.ts";
import type { ClaimDrafts } from "./claim-drafts.ts";
import { DueQueue } from "./due-queue.ts";
import type { Quarantine } from "./quarantine.ts";

/** Ends what has run out: detached sticky claims and the rest of released addresses; asks after reservations that nobody attached. */
export interface Expiry {
  /** How many ends are planned; what was put off may be planned for when it would have been. */
  readonly planned: number;
  /** Plans everything that is in {@link State}. */
  load(): void;
  /** Plans what a commit has brought. */
  follow(changes: readonly StateChange[]): void;
  /** Works until the signal is aborted: sleeps until the next is due. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ExpiryOptions {
  /** Tells a node of an endpoint again, so that it says so when it has none. */
  readonly remind: (endpoint: Endpoint) => void;
  readonly expired: (what: Task["kind"]) => void;
}

type Task =
  | { readonly kind: "claim"; readonly name: ClaimName }
  | { readonly kind: "rest"; readonly tenant: Name; readonly network: Name; readonly address: IpAddress }
  | { readonly kind: "quarantine"; readonly tenant: Name; readonly network: Name; readonly address: IpAddress }
  | { readonly kind: "superseded"; readonly node: Name; readonly endpoint: string }
  | { readonly kind: "reservation"; readonly endpoint: string };

/** An address that rests. */
interface Rest {
  readonly tenant: Name;
  readonly network: Name;
  readonly address: IpAddress;
  readonly until: string;
}

/**
 * After this, a node that is heard of has long been told that it has lost the endpoint: it asks about each endpoint of its own that its feed does
 * not name. A silent node keeps its endpoints on the wire, and must be told when it returns, however late; that is bounded by what one node can
 * carry, and ends with the node's record.
 */
const SUPERSEDED_MILLISECONDS = 7 * 24 * 3_600_000;
const AT_ONCE = 256;
const RETRY_MILLISECONDS = 10_000;
/** How often it is looked whether a silent node has returned. */
const RETURN_MILLISECONDS = 3_600_000;
/** Claims end by the wall clock, and sleep is measured by another: a wall clock that was set forward is noticed after this at the latest. */
const LONGEST_SLEEP = 60_000;

/** Most tasks are of claims and resting addresses; the others are few, and keep what has no codec as it is. */
function taskFields() {
  const name = record({ tenant: word, network: word, identity: text });
  return record({ kind: word, name, tenant: word, network: word, address, endpoint: text });
}

export function createExpiry(
  platform: Platform,
  {
    drafts,
    ledger,
    quarantine,
  }: { readonly drafts: ClaimDrafts; readonly ledger: Ledger; readonly quarantine: Pick<Quarantine, "end"> },
  options: ExpiryOptions,
): Expiry {
  const { state, changer, clock, logger, liveness, rules } = platform;
  const queue = new DueQueue<Task>(taskFields());
  /**
   * For when an end is planned that was put off meanwhile, in milliseconds since 1970: it is looked at again then, and needs no second plan.
   * Without that, what is detached and bound again all the time would pile up for as long as it is to be kept.
   */
  const putOff = new Map<string, number>();
  const nap = createNap(clock);

  function plan(at: number, task: Task): void {
    const earlier = queue.next === undefined || at < queue.next;
    queue.add(at, task);
    if (earlier) nap.wake();
  }

  function planUnlessPlanned(name: string, at: number, task: Task): void {
    const planned = putOff.get(name) ?? 0;
    if (planned > at || planned <= clock.now().getTime()) plan(at, task);
  }

  function notePutOff(name: string, until: string): void {
    const planned = Date.parse(until);
    if (planned > clock.now().getTime() && !putOff.has(name)) putOff.set(name, planned);
  }

  function planClaim({ tenant, network, identity, expiresAt }: Claim): void {
    if (expiresAt === undefined) return;
    const name = { tenant, network, identity };
    planUnlessPlanned(keys.claim(tenant, network, identity), Date.parse(expiresAt), { kind: "claim", name });
  }

  function planRest({ tenant, network, address, until }: Rest): void {
    const task = { kind: "rest", tenant, network, address } as const;
    planUnlessPlanned(keys.cooling(tenant, network, address), Date.parse(until), task);
  }

  function planReservation(endpoint: Endpoint): void {
    if (endpoint.phase !== "reserved") return;
    plan(Date.parse(endpoint.createdAt) + rules.reservationTimeout, { kind: "reservation", endpoint: endpoint.id });
  }

  async function expireClaim(name: ClaimName): Promise<void> {
    const { tenant, network, identity } = name;
    putOff.delete(keys.claim(tenant, network, identity));
    const present = state.network(tenant, network)?.claims.get(identity);
    if (present !== undefined && isAhead(present.expiresAt)) return planClaim(present);
    await changer.change((draft) => {
      const claim = state.network(tenant, network)?.claims.get(identity);
      const at = claim?.expiresAt;
      if (claim === undefined || at === undefined || isAhead(at) || claim.binding !== undefined) return undefined;
      const reason = claim.epoch === 0 ? `never bound until ${at}` : `detached, and not bound again until ${at}`;
      drafts.drop(draft, claim, { event: "expired", actor: "controller", reason });
      options.expired("claim");
      return undefined;
    });
  }

  function isAhead(time: string | undefined): boolean {
    return time !== undefined && Date.parse(time) > clock.now().getTime();
  }

  async function endRest(task: Task & { kind: "rest" }): Promise<void> {
    const { tenant, network, address } = task;
    putOff.delete(keys.cooling(tenant, network, address));
    const present = state.network(tenant, network)?.cooling.get(address);
    if (present !== undefined && isAhead(present.until)) return planRest({ ...task, until: present.until });
    await changer.change((draft) => {
      const resting = state.network(tenant, network)?.cooling.get(address);
      if (resting === undefined || isAhead(resting.until)) return undefined;
      const key = keys.cooling(tenant, network, address);
      draft.expect(key, resting.revision);
      draft.delete(key);
      const rested = { tenant, network, addresses: [address], identity: resting.identity };
      ledger.record(draft, rested, { event: "cooled", actor: "controller" });
      options.expired("rest");
      return undefined;
    });
  }

  async function endQuarantine(task: Task & { kind: "quarantine" }): Promise<void> {
    await changer.change((draft) => {
      const network = state.network(task.tenant, task.network);
      const entry = network?.quarantine.get(task.address);
      if (network === undefined || entry?.until === undefined) return undefined;
      if (Date.parse(entry.until) > clock.now().getTime()) return undefined;
      quarantine.end(draft, network, entry, { actor: "controller", reason: `in quarantine since ${entry.since}` });
      options.expired("quarantine");
      return undefined;
    });
  }

  /** Not heard of since this process started is no better than silent. */
  function mayHaveMissed(node: Name): boolean {
    return state.nodes.has(node) && (liveness.lastSeen(node) === undefined || liveness.isSilent(node));
  }

  async function forgetSuperseded(task: Task & { kind: "superseded" }): Promise<void> {
    const { node, endpoint } = task;
    if (mayHaveMissed(node)) return plan(clock.now().getTime() + RETURN_MILLISECONDS, task);
    await changer.change((draft) => {
      const left = state.superseded.get(`${node}/${endpoint}`);
      if (left === undefined || Date.parse(left.at) + SUPERSEDED_MILLISECONDS > clock.now().getTime()) return undefined;
      draft.expect(keys.superseded(node, endpoint), left.revision);
      draft.delete(keys.superseded(node, endpoint));
      options.expired("superseded");
      return undefined;
    });
  }

  /**
   * The node knows best: it is reminded, and answers `released` when it has no such endpoint. One that is silent may have attached it before it
   * fell silent, and its container may run: whoever wants the claim may take it over then, but it is not given away unasked.
   */
  function remindOfReservation(task: Task & { kind: "reservation" }): void {
    const endpoint = state.endpoints.get(task.endpoint);
    if (endpoint?.phase !== "reserved") return;
    options.remind(endpoint);
    plan(clock.now().getTime() + rules.reservationTimeout, task);
  }

  async function end(task: Task): Promise<void> {
    try {
      switch (task.kind) {
        case "claim":
          return await expireClaim(task.name);
        case "rest":
          return await endRest(task);
        case "quarantine":
          return await endQuarantine(task);
        case "superseded":
          return await forgetSuperseded(task);
        case "reservation":
          return remindOfReservation(task);
      }
    } catch (error) {
      logger.warn("expiry failed and will be tried again", { task: task.kind, error: errorText(error) });
      plan(clock.now().getTime() + RETRY_MILLISECONDS, task);
    }
  }

  function followClaim(before: Claim | undefined, after: Claim): void {
    if (after.expiresAt === before?.expiresAt) return;
    if (before?.expiresAt !== undefined)
      notePutOff(keys.claim(after.tenant, after.network, after.identity), before.expiresAt);
    planClaim(after);
  }

  function followRest({ tenant, network, address, before, after }: StateChange & { kind: "cooling" }): void {
    if (before !== undefined) notePutOff(keys.cooling(tenant, network, address), before.until);
    if (after !== undefined) planRest({ tenant, network, address, until: after.until });
  }

  async function sleep(signal: AbortSignal): Promise<void> {
    const pause = queue.next === undefined ? LONGEST_SLEEP : queue.next - clock.now().getTime();
    await nap.sleep(Math.min(Math.max(pause, 0), LONGEST_SLEEP), signal);
  }

  return {
    get planned() {
      return queue.size;
    },

    load() {
      for (const ofTenant of state.networks.values()) {
        for (const { tenant, name, claims, cooling, quarantine } of ofTenant.values()) {
          for (const claim of claims.expiring()) planClaim(claim);
          for (const { address, until } of cooling.values()) {
            planRest({ tenant, network: name, address, until });
          }
          for (const { address, until } of quarantine.values()) {
            if (until !== undefined) plan(Date.parse(until), { kind: "quarantine", tenant, network: name, address });
          }
        }
      }
      for (const endpoint of state.endpoints.values()) planReservation(endpoint);
      for (const [key, { at }] of state.superseded) {
        const { node, endpoint } = named.superseded(`superseded/${key}`);
        plan(Date.parse(at) + SUPERSEDED_MILLISECONDS, { kind: "superseded", node, endpoint });
      }
    },

    follow(changes) {
      for (const change of changes) {
        if (change.kind === "cooling") followRest(change);
        if (change.after === undefined) continue;
        if (change.kind === "claim") followClaim(change.before, change.after);
        if (change.kind === "endpoint" && change.before === undefined) planReservation(change.after);
        if (change.kind === "superseded") {
          const { node, endpoint } = change;
          plan(Date.parse(change.after.at) + SUPERSEDED_MILLISECONDS, { kind: "superseded", node, endpoint });
        }
        if (change.kind === "quarantine" && change.after.until !== undefined) {
          const { tenant, network, address } = change;
          plan(Date.parse(change.after.until), { kind: "quarantine", tenant, network, address });
        }
      }
    },

    async run(signal) {
      while (!signal.aborted) {
        const due = queue.takeDue(clock.now().getTime(), AT_ONCE);
        if (due.length > 0) await Promise.all(due.map((task) => end(task)));
        else await sleep(signal);
      }
    },
  };
}
