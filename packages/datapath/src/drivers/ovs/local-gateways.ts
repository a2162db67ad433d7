import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { OpenVSwitch } from "@holdfast/ovsdb";
import type { RowStatus } from "../../driver.ts";
import type { Numbers } from "../../links/numbers.ts";
import { MACHINE_RULES } from "../../machine/machine-side.ts";
import { PlannedSide, type PlanOutcome, refusedPorts } from "../../machine/planned-side.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import type { Table } from "../../reconcile/table.ts";
import { gatewayRules } from "./firewall.ts";
import type { FlowPlan, MemberPorts } from "./flow-plan.ts";
import { networkNumber } from "./network-party.ts";
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
export class LocalGateways extends PlannedSide<MemberPorts> {
  readonly #dependencies: GatewayDependencies;
  readonly #settings: OvsSettings;
  readonly #served = new Map<string, number>();

  constructor(dependencies: GatewayDependencies, settings: OvsSettings) {
    super();
    this.#dependencies = dependencies;
    this.#settings = settings;
  }

  protected concernsNetworks(): boolean {
    return true;
  }

  protected async settled(_touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    await this.#dependencies.firewall.settled([MACHINE_RULES], signal);
  }

  protected plan(): PlanOutcome {
    const { served, refused } = chooseServed([...this.networks.values()]);
    const ids = new Set(served.map((network) => network.id));
    // An address of a network that is not served here may be another network's.
    const unserved = [...this.ports].filter(([, { network }]) => !ids.has(network));
    for (const id of this.#served.keys()) if (!ids.has(id)) this.#stopServing(id);
    for (const network of served) this.#serve(network);
    const rules = gatewayRules({
      gatewayPrefix: this.#settings.names.gatewayPrefix,
      networks: served.map(({ id, tenant, subnets }) => ({
        tenant,
        gateway: this.#settings.names.gateway(id),
        prefixes: subnets.map((subnet) => subnet.prefix),
      })),
      ports: [...this.ports.values()].flatMap(({ network, ports }) => (ids.has(network) ? ports : [])),
    });
    this.#dependencies.firewall.set(rules);
    return {
      touched: new Set(),
      refused: [...refused, ...unserved.map(([endpoint, { network }]) => refusedPorts(endpoint, elsewhere(network)))],
    };
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

function elsewhere(network: string): string {
  return `this machine is not the gateway of network ${network}; use the endpoint's own address`;
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
