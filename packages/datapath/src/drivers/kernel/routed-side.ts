import { Cidr } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { RowStatus } from "../../driver.ts";
import type { FirewallPort } from "../../machine/firewall-ports.ts";
import type { PublishedPorts } from "../../machine/machine-side.ts";
import { PlannedSide, type PlanOutcome, refusedPorts } from "../../machine/planned-side.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import type { Table } from "../../reconcile/table.ts";
import { routedRules } from "./routed-rules.ts";

/** The machine's rules for the networks that it routes. */
export class RoutedSide extends PlannedSide<PublishedPorts> {
  readonly #firewall: Table<RuleSet>;
  readonly #linkPrefix: string;

  constructor(firewall: Table<RuleSet>, linkPrefix: string) {
    super();
    this.#firewall = firewall;
    this.#linkPrefix = linkPrefix;
  }

  /** Why endpoints of the network cannot be routed to; undefined when they can. */
  conflict(network: WiredNetwork): string | undefined {
    for (const other of this.networks.values()) {
      if (!isOlder(other, network)) continue;
      for (const { prefix } of network.subnets) {
        const rival = other.subnets.find((subnet) => Cidr.overlap(prefix, subnet.prefix));
        if (rival === undefined) continue;
        const overlap = `${prefix} of network ${network.tenant}/${network.name} overlaps ${rival.prefix} of ${other.tenant}/${other.name}`;
        return `${overlap}, and a machine has one routing table; give the networks different prefixes`;
      }
    }
    return undefined;
  }

  protected concernsNetworks(): boolean {
    return true;
  }

  protected async settled(_touched: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    await this.#firewall.settled(["routed"], signal);
  }

  protected plan(): PlanOutcome {
    const refused: RowStatus[] = [];
    const served = new Set<string>();
    for (const network of this.networks.values()) {
      const error = this.conflict(network);
      if (error === undefined) served.add(network.id);
      else refused.push({ row: `networks ${network.id}`, state: "error", attempts: 1, error });
    }
    const ports: FirewallPort[] = [];
    for (const [endpoint, published] of this.ports) {
      if (served.has(published.network)) ports.push(...published.ports);
      else refused.push(refusedPorts(endpoint, `network ${published.network} is not routed here`));
    }
    const networks = [...this.networks.values()].filter(({ id }) => served.has(id));
    this.#firewall.set(
      routedRules({
        linkPrefix: this.#linkPrefix,
        networks: networks.map(({ tenant, subnets }) => ({ tenant, prefixes: subnets.map(({ prefix }) => prefix) })),
        ports,
      }),
    );
    return { touched: new Set(), refused };
  }
}

/** By their numbers, which are given in turn. */
function isOlder(a: WiredNetwork, b: WiredNetwork): boolean {
  return Number(a.id.slice(1)) < Number(b.id.slice(1));
}
