import { addressWords, type InventoryChange, macWords, type PlacedEndpoint } from "@holdfast/flow";
import type { Endpoint } from "@holdfast/model";
import type { EndpointEnd } from "../windows/traffic.ts";
import { claimName } from "./memberships.ts";
import { isRoutable, type NetworkMap } from "./network-map.ts";
import { createNumbers, type Numbers } from "./numbers.ts";

/** What is told of an endpoint. */
export type BookedEndpoint = Pick<
  Endpoint,
  "tenant" | "network" | "identity" | "node" | "mac" | "addresses" | "createdAt"
> &
  Partial<Pick<Endpoint, "ifIndex" | "history">> & { readonly id: string };

/** Names of endpoints by the numbers that an attribution knows them by, those that have ended included for a time. */
export interface EndpointBook {
  /** Gives what is new, if anything: that it is there, and at which interface. */
  put(endpoint: BookedEndpoint, networks: NetworkMap): readonly InventoryChange[];
  /** Takes one that had ended before it was heard of; gives nothing of one that is there. */
  pass(endpoint: BookedEndpoint, endedAt: number, networks: NetworkMap): readonly InventoryChange[];
  /** Gives that it has ended; of one that is not there: nothing. */
  end(id: string, at: number): InventoryChange | undefined;
  /** Ends those whose ids are not among these. */
  keep(ids: ReadonlySet<string>, at: number): InventoryChange[];
  /** Who has a number, with the address left to be said. */
  name(number: number): Omit<EndpointEnd, "address"> | undefined;
  /** Names of the claims of those that have not ended. */
  claims(): ReadonlySet<string>;
  /** Says in which groups claims are; one that is not named is in none. */
  setGroups(groups: ReadonlyMap<string, readonly string[]>): void;
  /** Forgets those that ended before; their numbers may be given anew. */
  forget(before: number): void;
  /** Those that have not ended. */
  readonly size: number;
}

interface Entry {
  readonly placed: PlacedEndpoint;
  name: Omit<EndpointEnd, "address">;
  ifIndex?: number | undefined;
  endedAt?: number;
}

/** @param nodes numbers of nodes, which others give as well */
export function createEndpointBook(nodes: Numbers): EndpointBook {
  const [networkNumbers, tenants, numbers] = [createNumbers(), createNumbers(), createNumbers()];
  const byId = new Map<string, Entry>();
  const byNumber: (Entry | undefined)[] = [];
  const ended = new Map<string, Entry>();

  function place(endpoint: BookedEndpoint, networks: NetworkMap): PlacedEndpoint {
    const { id, tenant, network, node, mac, addresses } = endpoint;
    const record = networks.get(tenant, network);
    return {
      number: numbers.of(id),
      node: nodes.of(node),
      network: networkNumbers.of(`${tenant}/${network}`),
      tenant: tenants.of(tenant),
      isSampled: record?.kind !== "routed",
      isRoutable: isRoutable(record),
      mac: macWords(mac),
      addresses: addresses.map(addressWords),
    };
  }

  function end(id: string, at: number): InventoryChange | undefined {
    const entry = byId.get(id);
    if (entry === undefined) return undefined;
    byId.delete(id);
    entry.endedAt = at;
    ended.set(id, entry);
    return { kind: "end", endpoint: entry.placed, to: at };
  }

  function put(endpoint: BookedEndpoint, networks: NetworkMap): readonly InventoryChange[] {
    const known = byId.get(endpoint.id);
    if (known !== undefined) return plugged(known, endpoint);
    const { id, tenant, network, identity, node } = endpoint;
    const placed = place(endpoint, networks);
    const name = { kind: "endpoint", endpoint: id, tenant, network, identity, groups: [], node } as const;
    const entry: Entry = { placed, name };
    byId.set(id, entry);
    ended.delete(id);
    byNumber[placed.number] = entry;
    const begin: InventoryChange = { kind: "begin", endpoint: placed, from: Date.parse(endpoint.createdAt) };
    return [begin, ...plugged(entry, endpoint)];
  }

  function plugged(entry: Entry, { ifIndex, history = [], createdAt }: BookedEndpoint): readonly InventoryChange[] {
    if (entry.ifIndex === ifIndex) return [];
    entry.ifIndex = ifIndex;
    const { number } = entry.placed;
    const [wired, last] = [history.findLast(({ phase }) => phase === "wired"), history.at(-1)];
    if (ifIndex === undefined) return [{ kind: "unplug", endpoint: number, to: Date.parse(last?.at ?? createdAt) }];
    return [{ kind: "plug", endpoint: number, ifIndex, from: Date.parse(wired?.at ?? createdAt) }];
  }

  return {
    put,
    pass(endpoint, endedAt, networks) {
      if (byId.has(endpoint.id) || ended.has(endpoint.id)) return [];
      return [...put(endpoint, networks), ...[end(endpoint.id, endedAt) ?? []].flat()];
    },
    end,
    keep(ids, at) {
      return [...byId.keys()].filter((id) => !ids.has(id)).flatMap((id) => end(id, at) ?? []);
    },
    name: (number) => byNumber[number]?.name,
    claims: () => new Set([...byId.values()].map(({ name }) => claimName(name))),
    setGroups(groups) {
      for (const entry of byId.values())
        entry.name = { ...entry.name, groups: groups.get(claimName(entry.name)) ?? [] };
    },
    forget(before) {
      for (const [id, { endedAt = 0, placed }] of ended) {
        // In the order in which they ended.
        if (endedAt >= before) break;
        ended.delete(id);
        numbers.free(id);
        byNumber[placed.number] = undefined;
      }
    },
    get size() {
      return byId.size;
    },
  };
}
