import { addedAmounts, type InterfaceAmounts, type InterfaceGrowth } from "@holdfast/flow";
import type { FlowCounters } from "@holdfast/model";
import type { KnownInside } from "../naming/naming.ts";
import type { EndpointEnd } from "../windows/traffic.ts";
import type { CountedPort, PortOwner } from "./counted.ts";
import { type PlacedPort, placeOf, portPage, toldPort } from "./told-port.ts";

/** What switches have counted at their ports, exact and apart from all estimates. */
export interface PortCounters {
  /** Gives what has grown, by whose it is. */
  take(grown: readonly InterfaceGrowth[]): readonly CountedPort[];
  /** Those of a container or all, in the order of their names; only a tenant's if one is named, and of these nothing of how the platform is built. */
  list(query: PortQuery): { readonly items: FlowCounters[]; readonly revision: number; readonly continue?: string };
  /** What each identity's ports have counted together, of so many identities. */
  identities(most: number): ReadonlyMap<string, CountedIdentity>;
  /** Identities of which a sample has come in the last minutes, with what their ports threw away. */
  dropping(now: number): readonly DroppingIdentity[];
  readonly size: number;
  /** Ports that there was no room for. */
  readonly leftOut: number;
}

export interface CountedIdentity {
  readonly end: Omit<EndpointEnd, "address">;
  readonly egress: InterfaceAmounts;
  readonly ingress: InterfaceAmounts;
}

export interface DroppingIdentity {
  readonly end: Omit<EndpointEnd, "address">;
  /** Packets per second, either way, between the last two samples. */
  readonly rate: number;
}

export interface PortQuery {
  readonly tenant?: string | undefined;
  readonly network?: string | undefined;
  readonly identity?: string | undefined;
  readonly node?: string | undefined;
  readonly limit: number;
  readonly continue?: string | undefined;
}

/** So many are followed at most. */
export const MOST_PORTS = 20_000;
/** Milliseconds without a sample after which another port may have the place. */
const IDLE = 3_600_000;
/** Milliseconds: what was counted before says nothing of now. */
const RECENT = 180_000;

interface Port {
  readonly last: InterfaceGrowth;
  readonly end: Omit<EndpointEnd, "address"> | undefined;
  readonly since: number;
  readonly received: InterfaceAmounts;
  readonly sent: InterfaceAmounts;
}

export function createPortCounters(inside: Pick<KnownInside, "endpoint" | "nodeOf">): PortCounters {
  const ports = new Map<string, Port>();
  let [taken, leftOut] = [0, 0];

  function takeOne(growth: InterfaceGrowth): CountedPort {
    const key = `${growth.agent} ${growth.ifIndex}`;
    const before = ports.get(key);
    if (before === undefined && !hasRoom(growth.at)) {
      leftOut += 1;
      return countedOf(growth, endOf(growth));
    }
    const end = endOf(growth);
    // A port that is another container's by now begins anew; until somebody says so, it stays whose it was.
    const isAnother = end !== undefined && before?.end !== undefined && end.endpoint !== before.end.endpoint;
    const same = isAnother ? undefined : before;
    ports.delete(key);
    ports.set(key, {
      last: growth,
      end: end ?? same?.end,
      since: same?.since ?? growth.at - growth.milliseconds,
      received: addedAmounts(same?.received ?? {}, growth.received),
      sent: addedAmounts(same?.sent ?? {}, growth.sent),
    });
    return countedOf(growth, end ?? same?.end);
  }

  const endOf = ({ owner }: InterfaceGrowth): Port["end"] => (owner === undefined ? undefined : inside.endpoint(owner));

  const nodeOf = (end: Port["end"], agent: string): string | undefined =>
    end?.node ?? inside.nodeOf(agent as Parameters<KnownInside["nodeOf"]>[0]);

  function countedOf(growth: InterfaceGrowth, end: Port["end"]): CountedPort {
    const { agent, ifIndex, name, at, milliseconds, received, sent } = growth;
    const node = nodeOf(end, agent);
    return {
      ...(end === undefined ? {} : { owner: ownerOf(end) }),
      ...(node === undefined ? {} : { node }),
      exporter: agent,
      ifIndex,
      ...(name === undefined ? {} : { port: name }),
      since: at - milliseconds,
      until: at,
      egress: received,
      ingress: sent,
    };
  }

  /** The ones that were heard of longest ago are the first. */
  function hasRoom(now: number): boolean {
    if (ports.size < MOST_PORTS) return true;
    for (const [key, { last }] of ports) {
      if (last.at > now - IDLE) return false;
      ports.delete(key);
      return true;
    }
    return false;
  }

  function placed({ end, last, since, received, sent }: Port, isTenant: boolean): PlacedPort {
    const recent = countedOf(last, end);
    const counted = { ...recent, since, egress: received, ingress: sent };
    return {
      place: placeOf(counted),
      told: toldPort(counted, { ...recent, milliseconds: last.milliseconds }, isTenant),
    };
  }

  return {
    take(grown) {
      taken += grown.length;
      return grown.map(takeOne);
    },
    list({ tenant, network, identity, node, limit, continue: after }) {
      const found = [...ports.values()]
        .filter(({ end }) => tenant === undefined || end?.tenant === tenant)
        .filter(({ end }) => network === undefined || end?.network === network)
        .filter(({ end }) => identity === undefined || end?.identity === identity)
        .map((port) => placed(port, tenant !== undefined))
        .filter(({ told }) => node === undefined || told.node === node);
      return { ...portPage(found, { limit, after }), revision: taken };
    },
    identities(most) {
      const found = new Map<string, CountedIdentity>();
      for (const { end, received, sent } of ports.values()) {
        if (end === undefined) continue;
        const key = `${end.tenant}/${end.network}/${end.identity}`;
        const before = found.get(key);
        if (before === undefined && found.size >= most) continue;
        const egress = addedAmounts(before?.egress ?? {}, received);
        found.set(key, { end, egress, ingress: addedAmounts(before?.ingress ?? {}, sent) });
      }
      return found;
    },
    dropping(now) {
      const found = new Map<string, DroppingIdentity>();
      for (const { end, last } of ports.values()) {
        if (end === undefined || last.at < now - RECENT || last.milliseconds <= 0) continue;
        const key = `${end.tenant}/${end.network}/${end.identity}`;
        const dropped = (last.received.drops ?? 0) + (last.sent.drops ?? 0);
        found.set(key, { end, rate: (found.get(key)?.rate ?? 0) + (1000 * dropped) / last.milliseconds });
      }
      return [...found.values()];
    },
    get size() {
      return ports.size;
    },
    get leftOut() {
      return leftOut;
    },
  };
}

function ownerOf({ endpoint, tenant, network, identity }: PortOwner): PortOwner {
  return { endpoint, tenant, network, identity };
}
