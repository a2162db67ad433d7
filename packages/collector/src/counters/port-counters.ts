import { addedAmounts, type InterfaceAmounts, type InterfaceGrowth } from "@holdfast/flow";
import type { CountedAmounts, FlowCounters } from "@holdfast/model";
import type { KnownInside } from "../naming/naming.ts";
import type { EndpointEnd } from "../windows/traffic.ts";

/** What switches have counted at their ports, exact and apart from all estimates. */
export interface PortCounters {
  take(grown: readonly InterfaceGrowth[]): void;
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

  function takeOne(growth: InterfaceGrowth): void {
    const key = `${growth.agent} ${growth.ifIndex}`;
    const before = ports.get(key);
    if (before === undefined && !hasRoom(growth.at)) {
      leftOut += 1;
      return;
    }
    const end = growth.owner === undefined ? undefined : inside.endpoint(growth.owner);
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

  function answerOf({ last, end, since, received, sent }: Port, isTenant: boolean): FlowCounters {
    const node = end?.node ?? inside.nodeOf(last.agent as Parameters<KnownInside["nodeOf"]>[0]);
    const { agent: exporter, ifIndex, name: port } = last;
    return {
      ...(end === undefined
        ? {}
        : { endpoint: end.endpoint, tenant: end.tenant, network: end.network, identity: end.identity }),
      ...(node === undefined ? {} : { node }),
      ...(isTenant ? {} : { exporter, ifIndex, ...(port === undefined ? {} : { port }) }),
      since: new Date(since).toISOString(),
      until: new Date(last.at).toISOString(),
      egress: toldOf(received, last.received, last.milliseconds),
      ingress: toldOf(sent, last.sent, last.milliseconds),
    } as FlowCounters;
  }

  return {
    take(grown) {
      for (const growth of grown) takeOne(growth);
      taken += grown.length;
    },
    list({ tenant, network, identity, node, limit, continue: after = "" }) {
      const found = [...ports.values()]
        .filter(({ end }) => tenant === undefined || end?.tenant === tenant)
        .filter(({ end }) => network === undefined || end?.network === network)
        .filter(({ end }) => identity === undefined || end?.identity === identity)
        .map((port) => ({ place: placeOf(port), answer: answerOf(port, tenant !== undefined) }))
        .filter(({ place, answer }) => place > after && (node === undefined || answer.node === node))
        .sort((a, b) => (a.place < b.place ? -1 : 1));
      const page = found.slice(0, limit);
      const last = found.length > limit ? page.at(-1)?.place : undefined;
      return {
        items: page.map(({ answer }) => answer),
        revision: taken,
        ...(last === undefined ? {} : { continue: last }),
      };
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

/** Containers first. It goes to who asks for the next page: of a container it has nothing of how the platform is built. */
function placeOf({ end, last: { agent, ifIndex } }: Port): string {
  if (end === undefined) return `~/${agent}/${String(ifIndex).padStart(10, "0")}`;
  return `${end.tenant}/${end.network}/${end.identity}/${end.endpoint}/${ifIndex}`;
}

function toldOf(sums: InterfaceAmounts, { bytes, packets }: InterfaceAmounts, milliseconds: number): CountedAmounts {
  const perSecond = (amount: number | undefined): number | undefined =>
    amount === undefined || milliseconds <= 0 ? undefined : (1000 * amount) / milliseconds;
  const rates = { bitRate: perSecond(bytes === undefined ? undefined : bytes * 8), packetRate: perSecond(packets) };
  return Object.fromEntries(Object.entries({ ...sums, ...rates }).filter(([, value]) => value !== undefined));
}
