import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import type { AddressStory, LedgerEntry } from "@holdfast/model";
import { releaseCommand } from "../claims/quarantine.ts";
import { isAllocatable } from "../networks/subnet-check.ts";
import type { Platform } from "../platform.ts";
import { notFound } from "../refusals.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { QuarantineEntry } from "../state/quarantine-table.ts";
import type { AddressName, Ledger } from "./ledger.ts";
import type { LedgerOrder } from "./order.ts";
import type { RefusalLog } from "./refusal-log.ts";
import { formerOwner, type Standing, standingAt } from "./standing.ts";

export interface Within {
  readonly tenant?: Name | undefined;
  readonly network?: Name | undefined;
}

export interface Explainer {
  /** One story for each network that covers the address. @throws HoldfastError `not_found` when none does. */
  explain(address: IpAddress, within: Within): Promise<readonly AddressStory[]>;
  /** The same as of a moment, by the ledger alone: of the networks that there are now, or of just the one that is named. */
  explainAt(address: IpAddress, within: Within, at: Date): Promise<readonly AddressStory[]>;
}

const MOST_HISTORY = 200;
const MOST_REFUSALS = 20;
/** Entries before and after a moment. */
const MOST_AROUND = 10;

interface ExplainerDependencies {
  readonly ledger: Ledger;
  readonly order: LedgerOrder;
  readonly refusals: RefusalLog;
}

export function createExplainer(
  { state, pools }: Platform,
  { ledger, order, refusals }: ExplainerDependencies,
): Explainer {
  function covering(address: IpAddress, within: Within): NetworkState[] {
    const tenants = within.tenant === undefined ? [...state.networks.values()] : [state.networks.get(within.tenant)];
    return tenants
      .flatMap((networks) => [...(networks?.values() ?? [])])
      .filter(({ name, record }) => within.network === undefined || (name === within.network && record !== undefined))
      .filter(({ record }) => record?.subnets.some(({ prefix }) => Cidr.contains(prefix, address)));
  }

  async function story(network: NetworkState, address: IpAddress): Promise<AddressStory> {
    const name = { tenant: network.tenant, network: network.name, address };
    const [changes, refused] = await Promise.all([
      ledger.history(name, MOST_HISTORY + 1),
      refusals.of(name, MOST_REFUSALS),
    ]);
    const history = [...changes.slice(-MOST_HISTORY), ...refused].sort((a, b) => a.at.localeCompare(b.at));
    const former = formerOwner(changes);
    const about = {
      ...name,
      history,
      ...(changes.length > MOST_HISTORY ? { more: true } : {}),
      ...(former === undefined ? {} : { formerIdentity: former }),
    };
    const entry = network.quarantine.get(address);
    if (entry !== undefined) return { ...about, ...quarantineStory(network, entry) };
    const identity = network.addresses.get(address);
    const claim = identity === undefined ? undefined : network.claims.get(identity);
    if (claim?.binding !== undefined) {
      const { node, endpoint, since } = claim.binding;
      const summary = `${address} is used by ${claim.identity} on node ${node} (endpoint ${endpoint}) since ${since}.`;
      return { ...about, state: "bound", identity: claim.identity, node, endpoint, since, summary };
    }
    if (claim !== undefined) {
      const { expiresAt } = claim;
      const summary = `${address} is kept for ${claim.identity} (${claim.retention.kind}), which no endpoint has at the moment${until(expiresAt)}.`;
      return {
        ...about,
        state: "claimed",
        identity: claim.identity,
        since: changesOf(history).at(-1)?.at ?? claim.createdAt,
        ...(expiresAt === undefined ? {} : { until: expiresAt }),
        summary,
      };
    }
    const resting = network.cooling.get(address);
    if (resting !== undefined && pools.stateOf(network, address) === "cooling") {
      const summary = `${address} was released by ${resting.identity} and rests until ${resting.until}.`;
      const since = changesOf(history).at(-1)?.at;
      return {
        ...about,
        state: "cooling",
        identity: resting.identity,
        ...(since === undefined ? {} : { since }),
        until: resting.until,
        summary,
      };
    }
    const block = network.blocks.givenFrom(address);
    if (block !== undefined) {
      const summary = `${address} is set aside for node ${block.node} (block ${block.prefix} since ${block.since}), which gives it to containers by itself and reports it then${formerly(history)}.`;
      return { ...about, state: "set-aside", node: block.node, since: block.since, summary };
    }
    const subnet = network.record?.subnets.find(({ prefix }) => Cidr.contains(prefix, address));
    if (subnet !== undefined && !isAllocatable(subnet, address)) {
      const why = subnet.gateway === address ? "the gateway" : "not among the addresses that are handed out";
      return { ...about, state: "outside", summary: `${address} is ${why} of ${subnet.prefix}.` };
    }
    const closed =
      subnet?.draining === undefined ? "" : `, but ${subnet.prefix} is being drained and gives no new addresses`;
    return { ...about, state: "free", summary: `${address} is free${formerly(history)}${closed}.` };
  }

  async function storyAt(name: AddressName, at: Date): Promise<AddressStory> {
    const time = at.getTime();
    const [known, later, { completeFrom }] = await Promise.all([
      ledger.history(name, MOST_AROUND, time),
      ledger.after(name, time, MOST_AROUND),
      order.head(),
    ]);
    // What a node did while it reached no controller was written down when it came back.
    const [before, after] = apartAt([...known, ...later], time);
    const former = formerOwner(before);
    const about = {
      ...name,
      at: at.toISOString(),
      completeFrom,
      history: [...before, ...after],
      ...(former === undefined ? {} : { formerIdentity: former }),
    };
    // What is left of an address's history has no gaps: only its beginning may be missing.
    if (before.length === 0 && time < Date.parse(completeFrom)) {
      const summary = `nobody can say who had ${name.address} at ${about.at}: the ledger reaches back to ${completeFrom}.`;
      return { ...about, state: "unknown", summary };
    }
    const standing = standingAt(before, time);
    return { ...about, ...standing, summary: `at ${about.at}, ${name.address} ${wasText(standing)}.` };
  }

  return {
    async explain(address, within) {
      const networks = covering(address, within);
      if (networks.length === 0) throw notCovered(address);
      await refusals.flush();
      return Promise.all(networks.map((network) => story(network, address)));
    },

    async explainAt(address, within, at) {
      const { tenant, network } = within;
      const names =
        tenant !== undefined && network !== undefined
          ? [{ tenant, network, address }]
          : covering(address, within).map((one) => ({ tenant: one.tenant, network: one.name, address }));
      if (names.length === 0) throw notCovered(address);
      return Promise.all(names.map((name) => storyAt(name, at)));
    },
  };
}

function quarantineStory(network: NetworkState, entry: QuarantineEntry) {
  const { address, mac, node, endpoint, since, until } = entry;
  const identity = network.addresses.get(address);
  const owner = identity === undefined ? "it is given to nobody" : `${identity} keeps it and cannot use it`;
  const end = until === undefined ? "it is released" : `${until}, or it is released`;
  const summary =
    `${address} is in quarantine: ${mac}, a machine outside, answered for it on node ${node} at ${since}, when ${entry.identity} was about to use it; ` +
    `${owner} until ${end} (${releaseCommand(network, address)}).`;
  return {
    state: "quarantined" as const,
    identity: identity ?? entry.identity,
    mac,
    node,
    endpoint,
    since,
    ...(until === undefined ? {} : { until }),
    summary,
  };
}

/** Entries up to a time and those after it, each in the order in which it happened. */
function apartAt(entries: readonly LedgerEntry[], time: number): [LedgerEntry[], LedgerEntry[]] {
  const sorted = entries.toSorted((a, b) => Date.parse(a.at) - Date.parse(b.at));
  return [sorted.filter(({ at }) => Date.parse(at) <= time), sorted.filter(({ at }) => Date.parse(at) > time)];
}

function notCovered(address: IpAddress) {
  return notFound(`network with a subnet that covers ${address}`);
}

/** What changed the address; a refusal does not. */
function changesOf(history: readonly LedgerEntry[]): readonly LedgerEntry[] {
  return history.filter(({ event }) => event !== "refused");
}

function until(expiresAt: string | undefined): string {
  return expiresAt === undefined ? "" : `; it expires at ${expiresAt}`;
}

function formerly(history: readonly LedgerEntry[]): string {
  const last = changesOf(history).findLast(({ event }) => event !== "cooled");
  return last === undefined ? "; nobody is known to have had it" : `; ${last.identity} had it until ${last.at}`;
}

function wasText({ state, identity, node, endpoint, since, until }: Standing): string {
  switch (state) {
    case "bound":
      return `was used by ${identity} on node ${node} (endpoint ${endpoint}), since ${since}`;
    case "claimed":
      return `was kept for ${identity}, which no endpoint had, since ${since}`;
    case "cooling":
      return `rested until ${until}; ${identity} had it until ${since}`;
    case "quarantined":
      return `was in quarantine since ${since}`;
    case "free":
      return identity === undefined
        ? "was free; nobody is known to have had it"
        : `was free; ${identity} had it before`;
  }
}
