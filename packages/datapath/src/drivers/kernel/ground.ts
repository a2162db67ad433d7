import { errorText, HoldfastError, type Logger, type Reached } from "@holdfast/core";
import type { InterfaceAddress, Kernel, KernelEvent, Neighbour, Netfilter, Removal } from "@holdfast/netlink";
import type { EndpointWiring } from "../../driver.ts";
import { readAlias } from "../../links/link-alias.ts";
import { linksByName } from "../../links/links-by-name.ts";
import { Numbers } from "../../links/numbers.ts";
import { PortWatch } from "../../links/port-watch.ts";
import { firewallTable } from "../../machine/firewall-table.ts";
import { isTableLost } from "../../machine/lost-tables.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import type { Uplink } from "../../qos/guarantee-table.ts";
import { DIRECTIONS } from "../../qos/qos-row.ts";
import { QosSide, refuseQos } from "../../qos/qos-side.ts";
import { Contributions } from "../../reconcile/contributions.ts";
import type { ObservedTable } from "../../reconcile/observed-table.ts";
import { Reconciler } from "../../reconcile/reconciler.ts";
import type { Table } from "../../reconcile/table.ts";
import type { KernelDriverDependencies } from "./driver.ts";
import { GUARD_TABLE, guardRules } from "./guard.ts";
import type { LinkNames } from "./options.ts";
import { KernelPolicy } from "./policy/kernel-policy.ts";
import { POLICY_TABLE } from "./policy/names.ts";
import { RoutedSide } from "./routed-side.ts";
import { GATEWAY_ROW, gatewayTable } from "./tables/gateways.ts";
import { neighbourTable } from "./tables/neighbours.ts";
import { type OwnerRow, ownerTable } from "./tables/owners.ts";
import { policyTable } from "./tables/policy.ts";
import { type RouteRow, routeRow, routeTable } from "./tables/routes.ts";
import { type VethRow, vethTable } from "./tables/veths.ts";

/** What the driver stands on: its tables with what brings the kernel to them, and what it hears of the kernel. */
export class Ground {
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly reached: Reached | undefined;
  readonly names: LinkNames;
  readonly numbers = new Numbers({ first: 1, last: 999_999_999 });
  readonly watch = new PortWatch();
  readonly reconciler: Reconciler;
  readonly veths: Table<VethRow>;
  readonly routes: Table<RouteRow>;
  readonly neighbours: Table<Neighbour>;
  /** Absent: nothing but routes says whose a link is. */
  readonly owners: Table<OwnerRow> | undefined;
  /** Which of several places of an address counts: while an endpoint moves, two nodes say that they have it. */
  readonly places: Contributions<RouteRow>;
  readonly side: RoutedSide;
  /** Absent: none is enforced. */
  readonly policy: KernelPolicy | undefined;
  /** Absent: there is none. */
  readonly qos: QosSide | undefined;
  /** Names of links by endpoint that an earlier run has attached and nobody has attached again yet. */
  readonly unclaimed = new Map<string, string>();
  /** Names of links that may be made. */
  readonly creatable = new Set<string>();
  readonly routesOfKernel: ObservedTable<RouteRow>;
  readonly #neighboursOfKernel: ObservedTable<Neighbour>;
  readonly #netfilter: Netfilter | undefined;
  readonly #gatewaysOfKernel: ObservedTable<InterfaceAddress>;
  readonly #gateways: Table<InterfaceAddress>;
  readonly #firewall: Table<RuleSet>;
  readonly #guard: RuleSet;
  readonly #closing = new AbortController();
  readonly #jobs: Promise<void>[] = [];
  #complete = false;
  /** The machine is to have what every endpoint's link needs. */
  #isRaised = false;

  constructor(
    { kernel, host, netfilter, traffic, clock, logger, reached }: KernelDriverDependencies,
    names: LinkNames,
    uplink?: Uplink,
  ) {
    this.kernel = kernel;
    this.#netfilter = netfilter;
    this.names = names;
    this.reached = reached;
    this.logger = logger.child({ component: "datapath" });
    this.reconciler = new Reconciler({ clock, logger });
    this.routesOfKernel = routeTable(kernel, names);
    this.#neighboursOfKernel = neighbourTable(kernel, names);
    this.#gatewaysOfKernel = gatewayTable(kernel);
    this.veths = this.reconciler.table(vethTable({ kernel, host, creatable: this.creatable }, names));
    this.#gateways = this.reconciler.table(this.#gatewaysOfKernel.definition);
    this.routes = this.reconciler.table(this.routesOfKernel.definition);
    this.neighbours = this.reconciler.table(this.#neighboursOfKernel.definition);
    this.#firewall = this.reconciler.table(firewallTable(host));
    const linkRow = (link: string) => ({ table: "veths", key: link });
    this.qos =
      netfilter &&
      traffic &&
      new QosSide(
        this.reconciler,
        { kernel, traffic, netfilter, host },
        { linkPrefix: names.linkPrefix, linkRow, shapes: DIRECTIONS, uplink },
      );
    this.#guard = guardRules(names.linkPrefix);
    this.owners = netfilter && this.reconciler.table(ownerTable(netfilter));
    this.places = new Contributions(this.routes);
    this.policy = netfilter && new KernelPolicy({ netfilter, host, logger: this.logger }, names.linkPrefix);
    if (this.policy !== undefined) this.reconciler.table(policyTable(this.policy)).set(POLICY_TABLE);
    this.side = new RoutedSide(this.#firewall, names.linkPrefix);
  }

  /** Ends when the driver is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** The desired state is complete. */
  get isComplete(): boolean {
    return this.#complete;
  }

  /** Reads what an earlier run has left, and follows the kernel from then on. */
  async recover(): Promise<void> {
    // First: what happens while it is read is heard, too.
    const events = this.kernel.watch(this.#closing.signal);
    const removals = this.#netfilter?.removals(this.#closing.signal);
    await this.#observe();
    this.policy?.recover();
    for (const { name, alias } of await this.kernel.listLinks()) {
      const number = this.names.linkNumber(name);
      const owner = readAlias(alias);
      if (number === undefined) continue;
      this.numbers.reserve(number);
      if (owner?.kind === "endpoint") this.unclaimed.set(owner.endpoint, name);
    }
    this.#jobs.push(this.#follow(events));
    if (removals !== undefined) this.#jobs.push(this.#followRemovals(removals));
    if (this.qos !== undefined) this.#jobs.push(this.qos.follow(this.#closing.signal));
  }

  /** What every endpoint's link needs of the machine. Gives what waits for it to be in force. */
  raise(): (signal: AbortSignal) => Promise<void> {
    this.#isRaised = true;
    this.#firewall.set(this.#guard);
    this.#gateways.set(GATEWAY_ROW);
    return async (signal) => {
      await Promise.all([
        this.#firewall.settled([this.#guard.name], signal),
        this.#gateways.settled([GATEWAY_ROW.address], signal),
      ]);
    };
  }

  /** Gives what waits for it to be in force. */
  setQos(wiring: EndpointWiring, link: string): (signal: AbortSignal) => Promise<void> {
    if (this.qos !== undefined) return this.qos.set(wiring, link, wiring.addresses);
    refuseQos(wiring);
    return async () => undefined;
  }

  /** No network is left: the machine keeps nothing for endpoints. */
  lower(): void {
    this.#isRaised = false;
    this.#firewall.delete(this.#guard.name);
    this.#gateways.delete(GATEWAY_ROW.address);
  }

  /** Removes what is ours and not desired. */
  async complete(signal: AbortSignal): Promise<void> {
    this.#complete = true;
    this.side.complete();
    await this.reconciler.synced(signal);
  }

  async close(): Promise<void> {
    this.#closing.abort(new HoldfastError("unavailable", "the data path driver was closed"));
    await this.reconciler.close();
    await Promise.all(this.#jobs);
  }

  async #observe(): Promise<void> {
    await Promise.all(
      [this.routesOfKernel, this.#neighboursOfKernel, this.#gatewaysOfKernel].map((table) => table.observe()),
    );
    this.watch.list(await linksByName(this.kernel));
  }

  async #follow(events: AsyncIterable<KernelEvent>): Promise<void> {
    for await (const event of events) {
      this.watch.see(event);
      this.#repair(event);
      if (event.kind !== "overrun") continue;
      await this.#observe();
      this.reconciler.refresh("veths", "gateways", "routes", "neighbours");
      this.qos?.refresh();
    }
  }

  /** Tables of rules: a service that loads the machine's firewall begins with taking away all that there is. */
  async #followRemovals(removals: AsyncIterable<Removal | "overrun">): Promise<void> {
    for await (const removal of removals) {
      this.policy?.hear(removal).then(
        (isMissed) => isMissed && this.reconciler.refresh("policy"),
        (error: unknown) => this.logger.warn("policies were not looked at", { error: errorText(error) }),
      );
      if (removal === "overrun" || this.#isMissing(removal)) this.reconciler.refresh("firewall", "owners");
      else if (removal.table === GUARD_TABLE && removal.part === "set") this.reconciler.refresh("owners");
    }
  }

  #isMissing(removal: Removal): boolean {
    const wanted = [...(this.#isRaised ? this.#guard.tables : []), ...this.side.tables];
    return this.#netfilter !== undefined && isTableLost(this.#netfilter, wanted, removal);
  }

  /** Somebody else has removed something of ours. */
  #repair(event: KernelEvent): void {
    if (event.kind === "route" && event.gone) {
      const row = routeRow(event.route, this.names);
      if (row !== undefined && this.routesOfKernel.lost(row)) this.reconciler.refresh("routes");
    }
    if (event.kind === "link-gone") this.qos?.lost(event.name);
    if (event.kind === "neighbour" && event.gone && this.#neighboursOfKernel.lost(event.neighbour)) {
      this.reconciler.refresh("neighbours");
    }
    if (event.kind === "address" && event.gone && event.address.link === GATEWAY_ROW.link) {
      if (this.#gatewaysOfKernel.lost(event.address)) this.reconciler.refresh("gateways");
    }
  }
}
