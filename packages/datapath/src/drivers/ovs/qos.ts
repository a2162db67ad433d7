import type { MacAddress } from "@holdfast/core";
import type { EndpointQos } from "@holdfast/model";
import type { Meter, OpenFlowSwitch } from "@holdfast/openflow";
import type { EndpointWiring, RowStatus } from "../../driver.ts";
import type { KnownTable } from "../../qos/known-table.ts";
import { DIRECTIONS } from "../../qos/qos-row.ts";
import { QosSide } from "../../qos/qos-side.ts";
import type { TunnelledMac } from "../../qos/uplink-elements.ts";
import type { Reconciler } from "../../reconcile/reconciler.ts";
import type { Table } from "../../reconcile/table.ts";
import type { OvsDriverDependencies } from "./dependencies.ts";
import type { OvsSettings } from "./options.ts";
import type { NetworkParty, PortParty } from "./pipeline/parties.ts";
import { zoneOf } from "./policy/endpoint-flows.ts";
import { metersOf, portMeters } from "./port-meters.ts";
import type { LinkRow } from "./tables/links.ts";
import { meterTable } from "./tables/meters.ts";
import { zoneLimitTable } from "./tables/zone-limits.ts";
import type { ZoneLimit, ZoneLimits } from "./zone-limits.ts";

/** What an endpoint's profile asks of its port's flows, and what waits for everything else of it to be in force. */
export interface PortQos {
  readonly port: Pick<PortParty, "meters" | "dscp">;
  /** Its connections are to be followed, because there may be so many of them only. */
  readonly counted: boolean;
  readonly settled: (signal: AbortSignal) => Promise<void>;
}

/**
 * QoS of the switch's endpoints, with the same queues and rules as on the plain kernel. In user space the switch reads what endpoints send before any rule
 * sees it: there meters drop what is above a limit, and flows write the mark.
 */
export class OvsQos {
  readonly #side: QosSide;
  readonly #meters: Table<Meter>;
  readonly #connections: Table<ZoneLimit> | undefined;
  readonly #known: readonly { forget(): void }[];
  readonly #inKernel: boolean;

  /** Undefined: there are no means for it. */
  static create(
    reconciler: Reconciler,
    connection: OpenFlowSwitch,
    { kernel, host, netfilter, traffic, zoneLimits }: OvsDriverDependencies,
    { names, datapathType, guaranteesOn: uplink, tunnel }: OvsSettings,
  ): OvsQos | undefined {
    if (netfilter === undefined || traffic === undefined) return undefined;
    const inKernel = datapathType === "system";
    const side = new QosSide(
      reconciler,
      { kernel, traffic, netfilter, host },
      {
        linkPrefix: names.linkPrefix,
        linkRow: (link) => ({ table: "links", key: link }),
        shapes: inKernel ? DIRECTIONS : ["ingress"],
        uplink,
        tunnelAddress: tunnel?.address,
        refuses: (qos) => refusal(qos, zoneLimits),
        ...(inKernel ? {} : { onLink: receiving }),
      },
    );
    const connections = zoneLimits === undefined ? undefined : zoneLimitTable(zoneLimits);
    return new OvsQos(side, reconciler, { meters: meterTable(connection), connections }, inKernel);
  }

  private constructor(side: QosSide, reconciler: Reconciler, { meters, connections }: KnownTables, inKernel: boolean) {
    this.#side = side;
    this.#meters = reconciler.table(meters.definition);
    this.#connections = connections && reconciler.table(connections.definition);
    this.#known = connections === undefined ? [meters] : [meters, connections];
    this.#inKernel = inKernel;
  }

  /** @throws HoldfastError `unavailable` for limits that the data path has no means for; what was in force before stays. */
  set(wiring: EndpointWiring, { name, number }: LinkRow, reach?: NetworkParty["reach"]): PortQos {
    const onLink = this.#side.set(wiring, name, [outside(wiring, reach)]);
    const qos = this.#inKernel ? {} : (wiring.qos ?? {});
    const meters = portMeters(number, qos);
    this.#setMeters(number, meters);
    const keys = meters.map(({ id }) => String(id));
    const counting = this.#setConnections(zoneOf(number), qos.connections);
    return {
      counted: qos.connections !== undefined,
      port: { meters: meters.map(({ id }) => id), ...(qos.dscp === undefined ? {} : { dscp: qos.dscp }) },
      settled: async (signal) =>
        void (await Promise.all([onLink(signal), this.#meters.settled(keys, signal), counting(signal)])),
    };
  }

  /** The link goes. */
  remove({ name, number }: LinkRow): void {
    this.#side.remove(name);
    this.#setMeters(number, []);
    this.#setConnections(zoneOf(number), undefined);
  }

  status(): readonly RowStatus[] {
    return this.#side.status();
  }

  /** A link has vanished. */
  lost(name: string): void {
    this.#side.lost(name);
  }

  follow(signal: AbortSignal): Promise<void> {
    return this.#side.follow(signal);
  }

  /** Anything may have happened in the kernel. */
  refresh(): void {
    this.#side.refresh();
  }

  /** The switch may have lost what it had. */
  reconnected(): void {
    for (const table of this.#known) table.forget();
  }

  /** Gives what waits for it to be in force. */
  #setConnections(zone: number, limit: number | undefined): (signal: AbortSignal) => Promise<void> {
    const key = String(zone);
    if (limit !== undefined) this.#connections?.set({ zone, limit });
    else this.#connections?.delete(key);
    if (this.#connections?.has(key) !== true) return async () => undefined;
    return async (signal) => await this.#connections?.settled([key], signal);
  }

  /** One that is not wanted goes behind the flows that name it. */
  #setMeters(port: number, meters: readonly Meter[]): void {
    for (const meter of meters) this.#meters.set(meter);
    const wanted = new Set(meters.map(({ id }) => id));
    for (const id of metersOf(port)) if (!wanted.has(id)) this.#meters.delete(String(id));
  }
}

interface KnownTables {
  readonly meters: KnownTable<Meter>;
  readonly connections: KnownTable<ZoneLimit> | undefined;
}

/** By what an endpoint's frames are known where they leave the machine: they keep its MAC, tagged or not, and in a tunnel. */
function outside({ mac }: EndpointWiring, reach: NetworkParty["reach"] | undefined): MacAddress | TunnelledMac {
  return reach?.kind === "vxlan" ? `${reach.vni}/${mac}` : mac;
}

function receiving({ ingress }: EndpointQos): EndpointQos | undefined {
  return ingress === undefined ? undefined : { ingress };
}

function refusal({ connections }: EndpointQos, limits: ZoneLimits | undefined): string | undefined {
  if (connections === undefined || limits !== undefined) return undefined;
  return "Open vSwitch counts connections in its user-space datapath only; use a routed network, or leave it out";
}
