import type { WiredNetwork } from "@holdfast/model";
import type { TableName } from "@holdfast/netlink";
import type { RowStatus } from "../../driver.ts";
import type { FirewallPort } from "../../machine/firewall-ports.ts";
import type { PublishedPorts } from "../../machine/machine-side.ts";
import { PlannedSide, type PlanOutcome, refusedPorts } from "../../machine/planned-side.ts";
import { type SharedTable, shareTable } from "../../machine/routing-table.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import type { Table } from "../../reconcile/table.ts";
import { type RoutedNetwork, routedRules } from "./routed-rules.ts";

/** The machine's rules for the networks that it routes. */
export class RoutedSide extends PlannedSide<PublishedPorts> {
  readonly #firewall: Table<RuleSet>;
  readonly #linkPrefix: string;
  #tables: readonly TableName[] = [];
  /** Until a network changes. */
  #shared: SharedTable | undefined;

  constructor(firewall: Table<RuleSet>, linkPrefix: string) {
    super();
    this.#firewall = firewall;
    this.#linkPrefix = linkPrefix;
  }

  override setNetwork(network: WiredNetwork): void {
    this.#shared = undefined;
    super.setNetwork(network);
  }

  override removeNetwork(id: string): void {
    this.#shared = undefined;
    super.removeNetwork(id);
  }

  /** Resolves when the rules for the networks that are known are in force. Before it is complete, those of an earlier run are. */
  async inForce(signal: AbortSignal): Promise<void> {
    if (this.isComplete) await this.settled(new Set(), signal);
  }

  /** Of nftables, that have to be there. */
  get tables(): readonly TableName[] {
    return this.#tables;
  }

  /** Why endpoints of the network cannot be routed to; undefined when they can. */
  conflict(id: string): string | undefined {
    const overlap = this.#table.conflicts.get(id);
    return overlap && `${overlap}, and a machine has one routing table; give the networks different prefixes`;
  }

  /** Of routed networks, and of those that this machine is the gateway of. */
  get #table(): SharedTable {
    const inTable = (network: WiredNetwork) =>
      network.kind === "routed" || network.subnets.some((each) => each.gateway);
    this.#shared ??= shareTable([...this.networks.values()].filter(inTable));
    return this.#shared;
  }

  protected concernsNetworks(): boolean {
    return true;
  }

  protected async settled(_touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    await this.#firewall.settled(["routed"], signal);
  }

  protected plan(): PlanOutcome {
    const refused: RowStatus[] = [];
    const { served, conflicts } = this.#table;
    for (const id of conflicts.keys()) {
      const error = this.conflict(id);
      if (error === undefined || this.networks.get(id)?.kind !== "routed") continue;
      refused.push({ row: `networks ${id}`, state: "error", attempts: 1, error });
    }
    const routed = new Set(served.flatMap(({ id, kind }) => (kind === "routed" ? id : [])));
    const ports: FirewallPort[] = [];
    for (const [endpoint, published] of this.ports) {
      if (routed.has(published.network)) ports.push(...published.ports);
      else refused.push(refusedPorts(endpoint, `network ${published.network} is not routed here`));
    }
    const networks = routed.size === 0 ? [] : served.map(asRouted);
    const rules = routedRules({ linkPrefix: this.#linkPrefix, networks, ports });
    this.#tables = rules.chains.size === 0 ? [] : rules.tables;
    this.#firewall.set(rules);
    return { touched: new Set(), refused };
  }
}

function asRouted({ tenant, subnets, masquerade = false }: WiredNetwork): RoutedNetwork {
  return { tenant, prefixes: subnets.map(({ prefix }) => prefix), masquerade };
}
