import { type Client, listAll } from "@holdfast/client";
import { type IpAddress, MacAddress } from "@holdfast/core";
import { type LedgerEntry, routes } from "@holdfast/model";
import type { BookedEndpoint } from "./endpoint-book.ts";
import type { NetworkMap } from "./network-map.ts";

/** An endpoint that has ended. `createdAt` is the earliest time that it may have begun at, as far as the ledger was read. */
export interface PastEndpoint extends BookedEndpoint {
  /** Milliseconds since 1970. */
  readonly endedAt: number;
}

/** Who has an address, since when. */
interface Tenure {
  readonly entry: BoundEntry;
  readonly from: string;
}

/** An entry that names an endpoint. */
type BoundEntry = LedgerEntry & { readonly endpoint: string; readonly node: NonNullable<LedgerEntry["node"]> };

/** So many that ended last are told: what a large cluster has in ten busy minutes. */
const MOST_PAST = 50_000;

/**
 * Who had addresses since a moment and has them no more, by the ledger, in the order in which they ended. The ledger does not tell MACs: they follow from the
 * first address, as those do that nobody chose.
 *
 * @throws HoldfastError as the controller refuses it
 */
export async function readPastEndpoints(
  { client, networks }: { readonly client: Client; readonly networks: NetworkMap },
  since: string,
  signal: AbortSignal,
): Promise<readonly PastEndpoint[]> {
  const standing = new Map<string, Tenure>();
  /** By address: when it became nobody's. */
  const freed = new Map<string, string>();
  const past = new Map<string, PastEndpoint>();

  function end({ entry, from }: Tenure, at: string): void {
    const { endpoint: id, tenant, network, identity, node } = entry;
    const addresses = [...(past.get(id)?.addresses ?? []), entry.address];
    const mac = macOf(addresses, networks.get(tenant, network)?.segment);
    past.delete(id);
    past.set(id, { id, tenant, network, identity, node, mac, addresses, createdAt: from, endedAt: Date.parse(at) });
    if (past.size > MOST_PAST) past.delete(past.keys().next().value ?? "");
  }

  for await (const entry of listAll(client, routes.listLedger, { query: { from: since } }, { signal })) {
    const change = changeOf(entry);
    if (change === undefined) continue;
    const key = `${entry.tenant}/${entry.network}/${entry.address}`;
    const former = standing.get(key) ?? (change.former && { entry: change.former, from: freed.get(key) ?? since });
    if (former !== undefined) end(former, entry.at);
    standing.delete(key);
    freed.set(key, entry.at);
    if (change.next !== undefined) standing.set(key, { entry: change.next, from: entry.at });
  }
  return [...past.values()];
}

/** Who had the address until then, as far as the entry names him, and who has it from then on. Undefined: it says nothing of that. */
function changeOf(entry: LedgerEntry): { readonly former?: BoundEntry; readonly next?: BoundEntry } | undefined {
  switch (entry.event) {
    case "bound":
      return { ...who("next", entry, entry.endpoint) };
    case "moved":
      if (entry.formerEndpoint === undefined) return { ...who("former", entry, entry.endpoint) };
      return { ...who("former", entry, entry.formerEndpoint), ...who("next", entry, entry.endpoint) };
    case "detached":
    case "released":
    case "expired":
    case "reclaimed":
      return { ...who("former", entry, entry.endpoint) };
    default:
      return undefined;
  }
}

function who<K extends string>(
  as: K,
  entry: LedgerEntry,
  endpoint: string | undefined,
): { readonly [P in K]?: BoundEntry } {
  const { node } = entry;
  if (endpoint === undefined || node === undefined) return {};
  return { [as]: { ...entry, endpoint, node } } as { readonly [P in K]: BoundEntry };
}

function macOf([first]: readonly IpAddress[], segment: number | undefined): MacAddress {
  if (first === undefined) throw new TypeError("bug: an entry of the ledger has an address");
  return MacAddress.ofAddress(first, segment);
}
