import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { OpenVSwitch } from "@holdfast/ovsdb";
import type { RowStatus } from "../../driver.ts";
import { GATEWAY_MAC } from "../../links/gateway-mac.ts";
import type { Numbers } from "../../links/numbers.ts";
import { MACHINE_RULES } from "../../machine/machine-side.ts";
import { PlannedSide, type PlanOutcome, refusedPorts } from "../../machine/planned-side.ts";
import { shareTable } from "../../machine/routing-table.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import type { Table } from "../../reconcile/table.ts";
import { gatewayRules } from "./firewall.ts";
import type { FlowPlan, MemberPorts } from "./flow-plan.ts";
import { networkNumber } from "./network-party.ts";
import type { OvsSettings } from "./options.ts";
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
      routedPrefix: this.#settings.names.routedPrefix,
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

/** Which of this machine's local networks have their gateway here. Routed ones have a part of the same routing table. */
export function chooseServed(networks: readonly WiredNetwork[]): {
  readonly served: readonly WiredNetwork[];
  readonly refused: readonly RowStatus[];
} {
  const inTable = networks.filter(({ kind, subnets }) => kind === "routed" || subnets.some(({ gateway }) => gateway));
  const { served, conflicts } = shareTable(inTable);
  const isLocal = ({ kind }: WiredNetwork): boolean => kind !== "routed";
  const refused = inTable.filter(isLocal).flatMap(({ id }): RowStatus[] => {
    const conflict = conflicts.get(id);
    if (conflict === undefined) return [];
    const error = `${conflict}; this machine is the gateway of the older network only: give the networks different prefixes`;
    return [{ row: `gateways ${id}`, state: "error", attempts: 1, error }];
  });
  return { served: served.filter(isLocal), refused };
}
