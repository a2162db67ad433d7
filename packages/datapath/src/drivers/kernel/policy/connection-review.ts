import { Cidr, type Family, type IpAddress } from "@holdfast/core";
import type { Connection, Netfilter } from "@holdfast/netlink";
import { type Contains, type Direction, decide, type Packet, PrefixSet, type Program } from "@holdfast/policy";
import { CUT_MARK } from "./names.ts";

/** Whose connections a change may decide otherwise. */
export interface Concern {
  /** Of endpoints here. */
  readonly endpoints: ReadonlySet<IpAddress>;
  /** Of anybody who begins a connection with an endpoint here, or is asked by one. */
  readonly remotes: readonly Cidr[];
}

/** Up to so many addresses the kernel is asked for each one's connections, instead of for all. */
const ASKED_ALONE = 4;
/** Up to so many connections are listed in one look: a second look of the kernel through its table takes longer. */
const LISTED_AT_ONCE = 1000;
/** Milliseconds of deciding at a time. */
const STRETCH = 5;

/**
 * Cuts established connections that programs deny now, and lets those go on again that they allow. They are marked, not deleted: a connection that the
 * kernel has forgotten would begin anew with the next packet of whoever sends first, in his direction.
 */
export async function reviewConnections(
  netfilter: Netfilter,
  concern: Concern,
  policies: { readonly programOf: (address: IpAddress) => Program | undefined; readonly contains: Contains },
): Promise<void> {
  const isConcerned = concerns(concern);
  const changed: { cut: Connection[]; freed: Connection[] } = { cut: [], freed: [] };
  let began = performance.now();
  for (const connection of connectionsOf(netfilter, concern)) {
    if (!isConcerned(connection)) continue;
    if (performance.now() - began > STRETCH) {
      await new Promise<void>((resolve) => void setImmediate(resolve));
      began = performance.now();
    }
    const isCut = (connection.mark & CUT_MARK) !== 0;
    const isDenied = ends(connection).some(({ address, packet }) => {
      const program = policies.programOf(address);
      return program !== undefined && decide(program, packet, policies.contains).verdict === "deny";
    });
    if (isDenied !== isCut) changed[isDenied ? "cut" : "freed"].push(connection);
  }
  netfilter.markConnections(changed.cut, CUT_MARK, CUT_MARK);
  netfilter.markConnections(changed.freed, 0, CUT_MARK);
}

function connectionsOf(netfilter: Netfilter, { endpoints, remotes }: Concern): readonly Connection[] {
  if (endpoints.size === 0 && remotes.length === 0) return [];
  const count = netfilter.countConnections();
  if (count === 0) return [];
  const addresses = new Set<IpAddress | undefined>(endpoints);
  for (const remote of remotes) addresses.add(Cidr.isHost(remote) ? Cidr.first(remote) : undefined);
  const isOfMany = addresses.size > ASKED_ALONE || addresses.has(undefined);
  if (isOfMany || count <= LISTED_AT_ONCE) return netfilter.listConnections();
  return [...addresses].flatMap((address) =>
    address === undefined
      ? []
      : [...netfilter.listConnections({ source: address }), ...netfilter.listConnections({ destination: address })],
  );
}

function concerns({ endpoints, remotes }: Concern): (connection: Connection) => boolean {
  const prefixes: Readonly<Record<Family, PrefixSet>> = { v4: new PrefixSet("v4"), v6: new PrefixSet("v6") };
  for (const remote of remotes) prefixes[Cidr.family(remote)].add(remote);
  const has = (address: IpAddress) => endpoints.has(address) || prefixes.v4.has(address) || prefixes.v6.has(address);
  return ({ source, destination }) => has(source) || has(destination);
}

/** A connection as each of its ends sees it. */
function ends({ source, destination, ...rest }: Connection): { address: IpAddress; packet: Packet }[] {
  const as = (direction: Direction, remote: IpAddress): Packet => ({ direction, remote, ...rest });
  return [
    { address: source, packet: as("egress", destination) },
    { address: destination, packet: as("ingress", source) },
  ];
}
