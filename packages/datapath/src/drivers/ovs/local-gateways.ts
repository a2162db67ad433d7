import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { OpenVSwitch } from "@holdfast/ovsdb";
import type { RowStatus } from "../../driver.ts";
import type { Table } from "../../reconcile/table.ts";
import { gatewayRules, type RuleSet } from "./firewall.ts";
import type { FlowPlan } from "./flow-plan.ts";
import { MACHINE_RULES, type MachineSide, type PublishedPorts } from "./machine-side.ts";
import { networkNumber } from "./network-party.ts";
import type { Numbers } from "./numbers.ts";
import type { OvsSettings } from "./options.ts";
import { GATEWAY_MAC } from "./ownership.ts";
import type { GatewayRow } from "./tables/gateways.ts";

interface GatewayDependencies {
  readonly plan: FlowPlan;
  readonly gateways: Table<GatewayRow>;
  readonly firewall: Table<RuleSet>;
  readonly numbers: Numbers;
  readonly ovs: OpenVSwitch;
}

/** This machine as the gateway of its local networks. */
export class LocalGateways implements MachineSide {
  readonly #dependencies: GatewayDependencies;
  readonly #settings: OvsSettings;
  readonly #networks = new Map<string, WiredNetwork>();
  readonly #ports = new Map<string, PublishedPorts>();
  readonly #served = new Map<string, number>();
  #refused: readonly RowStatus[] = [];
  #complete = false;
  #planned = false;

  constructor(dependencies: GatewayDependencies, settings: OvsSettings) {
    this.#dependencies = dependencies;
    this.#settings = settings;
  }

  setNetwork(network: WiredNetwork): void {
    this.#networks.set(network.id, network);
    this.#planSoon();
  }

  removeNetwork(id: string): void {
    if (this.#networks.delete(id)) this.#planSoon();
  }

  async setPorts(endpoint: string, published: PublishedPorts | undefined, signal: AbortSignal): Promise<void> {
    if (published === undefined && !this.#ports.has(endpoint)) return;
    if (published === undefined) this.#ports.delete(endpoint);
    else this.#ports.set(endpoint, published);
    if (!this.#complete) return;
    this.#plan();
    await this.#dependencies.firewall.settled([MACHINE_RULES], signal);
  }

  complete(): void {
    this.#complete = true;
    this.#plan();
  }

  /** Networks whose gateway is not here, and ports that are not published for it, with the reason. */
  status(): readonly RowStatus[] {
    return this.#refused;
  }

  /** Once for all changes of the same turn. */
  #planSoon(): void {
    if (!this.#complete || this.#planned) return;
    this.#planned = true;
    queueMicrotask(() => this.#plan());
  }

  #plan(): void {
    this.#planned = false;
    const { served, refused } = chooseServed([...this.#networks.values()]);
    const ids = new Set(served.map((network) => network.id));
    // An address of a network that is not served here may be another network's.
    const unserved = [...this.#ports].filter(([, { network }]) => !ids.has(network));
    this.#refused = [...refused, ...unserved.map(([endpoint, { network }]) => refusedPorts(endpoint, network))];
    for (const id of this.#served.keys()) if (!ids.has(id)) this.#stopServing(id);
    for (const network of served) this.#serve(network);
    const rules = gatewayRules({
      gatewayPrefix: this.#settings.names.gatewayPrefix,
      networks: served.map(({ id, tenant, subnets }) => ({
        tenant,
        gateway: this.#settings.names.gateway(id),
        prefixes: subnets.map((subnet) => subnet.prefix),
      })),
      ports: [...this.#ports.values()].flatMap(({ network, ports }) => (ids.has(network) ? ports : [])),
    });
    this.#dependencies.firewall.set(rules);
  }

  #serve(network: WiredNetwork): void {
    const { plan, gateways, numbers, ovs } = this.#dependencies;
    const name = this.#settings.names.gateway(network.id);
    const number = this.#served.get(network.id) ?? ovs.interfaces().get(name)?.ofportRequest ?? numbers.take();
    this.#served.set(network.id, number);
    const addresses = network.subnets.flatMap(({ prefix, gateway }) =>
      gateway === undefined ? [] : [{ address: gateway, length: Cidr.length(prefix) }],
    );
    gateways.set({ name, number, mtu: network.mtu, addresses });
    plan.setGateway({
      network: networkNumber(network.id),
      port: number,
      mac: GATEWAY_MAC,
      addresses: addresses.map(({ address }) => address),
      row: { table: gateways.name, key: name },
    });
  }

  #stopServing(id: string): void {
    const { plan, gateways, numbers } = this.#dependencies;
    const number = this.#served.get(id);
    this.#served.delete(id);
    plan.removeGateway(networkNumber(id));
    gateways.delete(this.#settings.names.gateway(id));
    if (number !== undefined) numbers.release(number);
  }
}

function refusedPorts(endpoint: string, network: string): RowStatus {
  const error = `ports of endpoint ${endpoint} are not published: this machine is not the gateway of network ${network}`;
  return { row: `ports ${endpoint}`, state: "error", attempts: 1, error: `${error}; use the endpoint's own address` };
}

/** A machine has one routing table: of networks whose prefixes overlap, the oldest has its gateway here. */
export function chooseServed(networks: readonly WiredNetwork[]): {
  readonly served: readonly WiredNetwork[];
  readonly refused: readonly RowStatus[];
} {
  const served: WiredNetwork[] = [];
  const refused: RowStatus[] = [];
  for (const network of networks.toSorted((a, b) => networkNumber(a.id) - networkNumber(b.id))) {
    if (network.subnets.every((subnet) => subnet.gateway === undefined)) continue;
    const conflict = findOverlap(network, served);
    if (conflict === undefined) served.push(network);
    else {
      const error = `${conflict}; this machine is the gateway of the older network only: give the networks different prefixes`;
      refused.push({ row: `gateways ${network.id}`, state: "error", attempts: 1, error });
    }
  }
  return { served, refused };
}

function findOverlap(network: WiredNetwork, others: readonly WiredNetwork[]): string | undefined {
  for (const { prefix } of network.subnets) {
    for (const other of others) {
      const rival = other.subnets.find((subnet) => Cidr.overlap(prefix, subnet.prefix));
      if (rival !== undefined) return `${prefix} overlaps ${rival.prefix} of network ${other.tenant}/${other.name}`;
    }
  }
  return undefined;
}
