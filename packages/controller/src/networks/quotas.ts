import { type Clock, HoldfastError, type Identity, type Name } from "@holdfast/core";
import type { Quotas as Limits, QuotasPatch, Tenant } from "@holdfast/model";
import { notFound } from "../refusals.ts";
import { type Changer, type Draft, Overtaken } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { StateChange } from "../state/records.ts";
import type { State } from "../state/state.ts";
import { PendingClaims } from "./pending-claims.ts";
import type { UsageCounts } from "./usage-counts.ts";

/** What a new claim adds. */
export interface Asked {
  readonly identity: Identity;
  /** How many addresses. */
  readonly addresses: number;
}

/**
 * Keeps tenants within their quotas, however many controllers there are and however many ask at once.
 *
 * A tenant that has a quota on claims or addresses has a keeper: the one controller that may add. It sees all that is there and knows what
 * it is about to add, and so can count; the claims of its clients do not stand in each other's way, because they only rest on it being
 * the keeper still. Another controller takes over with a commit of its own, after which whatever the former one had under way fails.
 * Tenants without such a quota pay nothing.
 */
export interface Quotas {
  /**
   * Admits a claim that is being drafted, together with what else the draft adds.
   *
   * @throws HoldfastError `quota_exceeded`, naming tenant, quota, limit, used and asked; {@link Overtaken} while others who may yet fail
   * would fill the quota, or when this controller has to become the keeper first.
   */
  admit(draft: Draft, network: NetworkState, asked: Asked): void;
  follow(changes: readonly StateChange[], revision: number): void;
}

interface Tally {
  readonly pending: PendingClaims;
  takeover: Promise<void> | undefined;
  /** Revision of the newest claim that anybody added; whoever was keeper before we first asked has had its turn. */
  lastAdded: number;
  /** Woken when somebody has added. */
  added: PromiseWithResolvers<void>;
  /** A commit of ours may yet turn out to have happened: count anew under a new keepership. */
  renew: boolean;
}

interface Admission {
  readonly tally: Tally;
  readonly limits: Limits;
  readonly asked: Asked;
}

/** How long a keeper that has added nothing yet is left in peace. */
const PATIENCE_MILLISECONDS = 20;

export function createQuotas(
  dependencies: {
    readonly state: State;
    readonly changer: Changer;
    readonly counts: UsageCounts;
    readonly clock: Clock;
  },
  /** Tells this process from other controllers. */
  self: string,
): Quotas {
  const { state, changer, counts, clock } = dependencies;
  const tallies = new Map<Name, Tally>();

  function tallyOf(tenant: Name): Tally {
    let tally = tallies.get(tenant);
    if (tally === undefined) {
      const added = Promise.withResolvers<void>();
      tally = { pending: new PendingClaims(), takeover: undefined, lastAdded: state.revision, added, renew: false };
      tallies.set(tenant, tally);
    }
    return tally;
  }

  /** @throws as {@link Quotas.admit}. */
  function check(draft: Draft, network: NetworkState, { tally, limits, asked }: Admission): void {
    const { claims, addresses } = counts.ofTenant(network.tenant);
    const own = tally.pending.of(draft);
    const all = tally.pending.total;
    const { name } = network;
    const inNetwork = { used: counts.ofNetwork(network), own: own?.inNetwork(name) ?? 0, all: all.inNetwork(name) };
    const lines = [
      { quota: "claims", used: claims, own: own?.claims ?? 0, all: all.claims, more: 1 },
      { quota: "addresses", used: addresses, own: own?.addresses ?? 0, all: all.addresses, more: asked.addresses },
      { quota: "addressesPerNetwork", ...inNetwork, more: asked.addresses },
    ] as const;
    for (const line of lines) {
      const limit = limits[line.quota];
      if (limit === undefined || line.used + line.all + line.more <= limit) continue;
      const mine = line.own + line.more;
      if (line.used + mine > limit) throw exceeded(network, { ...line, limit, asked: mine });
      throw new Overtaken(tally.pending.settlementOfOther(draft));
    }
  }

  /** Lets a keeper that has just begun add something, so that two that are asked at once do not take from each other for ever. */
  async function waitForTurn(tenant: Name, tally: Tally): Promise<void> {
    const keeper = state.keepers.get(tenant);
    if (keeper === undefined || keeper.keeper === "" || keeper.keeper === self) return;
    if (tally.lastAdded >= keeper.revision) return;
    const enough = new AbortController();
    const patience = clock.wait(PATIENCE_MILLISECONDS, enough.signal).catch(() => undefined);
    await Promise.race([tally.added.promise, patience]);
    enough.abort();
  }

  async function takeOver(tenant: Name, tally: Tally): Promise<void> {
    await waitForTurn(tenant, tally);
    await changer.change((draft) => {
      const record = state.tenants.get(tenant);
      if (record === undefined) throw notFound(`tenant ${tenant}`);
      const keeper = state.keepers.get(tenant);
      if (!isCounted(record.quotas) || (keeper?.keeper === self && !tally.renew)) return undefined;
      draft.expect(keys.tenant(tenant), record.revision);
      draft.expect(keys.keeper(tenant), keeper?.revision ?? 0);
      draft.put(keys.keeper(tenant), { keeper: self });
      return undefined;
    });
    tally.renew = false;
  }

  function becomeKeeper(tenant: Name, tally: Tally): Promise<void> {
    tally.takeover ??= takeOver(tenant, tally).finally(() => {
      tally.takeover = undefined;
    });
    return tally.takeover;
  }

  return {
    admit(draft, network, asked) {
      const limits = state.tenants.get(network.tenant)?.quotas;
      if (limits === undefined || !isCounted(limits)) return;
      const tally = tallyOf(network.tenant);
      check(draft, network, { tally, limits, asked });
      const keeper = state.keepers.get(network.tenant);
      if (keeper?.keeper !== self || tally.renew) throw new Overtaken(becomeKeeper(network.tenant, tally));
      draft.expect(keys.keeper(network.tenant), keeper.revision);
      const takeBack = tally.pending.add(draft, { ...asked, network: network.name });
      draft.whenAbandoned((outcomeUnknown) => {
        takeBack();
        if (outcomeUnknown) tally.renew = true;
      });
    },

    follow(changes, revision) {
      if (tallies.size === 0) return;
      for (const change of changes) {
        if (change.kind !== "claim" || change.after === undefined || change.before !== undefined) continue;
        const tally = tallies.get(change.after.tenant);
        if (tally === undefined) continue;
        tally.pending.committed(change.after);
        tally.lastAdded = revision;
        tally.added.resolve();
        tally.added = Promise.withResolvers<void>();
      }
    },
  };
}

/** Whether claims have to be counted. */
export function isCounted(limits: Limits | undefined): boolean {
  return (
    limits !== undefined &&
    (limits.addresses !== undefined || limits.addressesPerNetwork !== undefined || limits.claims !== undefined)
  );
}

/** The limits after a change; undefined: none is left. */
export function changedLimits(before: Limits | undefined, patch: QuotasPatch | undefined): Limits | undefined {
  if (patch === undefined) return before;
  const merged = Object.entries({ ...before, ...patch }).filter(([, limit]) => typeof limit === "number");
  return merged.length === 0 ? undefined : (Object.fromEntries(merged) as Limits);
}

/** @throws HoldfastError `quota_exceeded` when the tenant has as many networks as it may. */
export function checkNetworkQuota(tenant: Tenant, networks: number): void {
  const limit = tenant.quotas?.networks;
  if (limit === undefined || networks < limit) return;
  throw exceededBy(tenant.name, "", { quota: "networks", limit, used: networks, asked: 1 });
}

interface Excess {
  readonly quota: keyof Limits;
  readonly limit: number;
  readonly used: number;
  readonly asked: number;
}

function exceeded({ tenant, name }: NetworkState, excess: Excess): HoldfastError {
  return exceededBy(tenant, excess.quota === "addressesPerNetwork" ? ` in network ${name}` : "", excess);
}

function exceededBy(tenant: Name, where: string, { quota, limit, used, asked }: Excess): HoldfastError {
  const what = quota === "addressesPerNetwork" ? "addresses" : quota;
  return new HoldfastError(
    "quota_exceeded",
    `tenant ${tenant} may have ${limit} ${what}${where}, has ${used} and asks for ${asked} more; release some or raise its quota ${quota}`,
    { details: { tenant, quota, limit, used, asked } },
  );
}
