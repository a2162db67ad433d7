import { HoldfastError, type Logger } from "@holdfast/core";
import type { Kernel, KernelEvent, Netfilter, Removal } from "@holdfast/netlink";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { RowChange } from "@holdfast/ovsdb";
import { linksByName } from "../../links/links-by-name.ts";
import { Numbers } from "../../links/numbers.ts";
import { PortWatch } from "../../links/port-watch.ts";
import { firewallTable } from "../../machine/firewall-table.ts";
import { isTableLost } from "../../machine/lost-tables.ts";
import type { MachineSide } from "../../machine/machine-side.ts";
import type { RuleSet } from "../../machine/rule-set.ts";
import { Reconciler } from "../../reconcile/reconciler.ts";
import type { Table } from "../../reconcile/table.ts";
import { Announcer } from "./announcer.ts";
import { probingMac } from "./conflict-frames.ts";
import { ConflictProbe } from "./conflict-probe.ts";
import type { OvsDriverDependencies } from "./dependencies.ts";
import { shieldRules } from "./firewall.ts";
import type { MemberPorts } from "./flow-plan.ts";
import { FlowPlan } from "./flow-plan.ts";
import { type FlowRow, flowRows } from "./flow-row.ts";
import { HostAccess } from "./host-access.ts";
import { LinkPool } from "./link-pool.ts";
import { LocalGateways } from "./local-gateways.ts";
import type { OvsSettings } from "./options.ts";
import { OWNER } from "./ownership.ts";
import { cookieOf, FIRST_NUMBER, LAST_NUMBER } from "./pipeline/layout.ts";
import { uplinkRules } from "./pipeline/uplink-bridge.ts";
import { PolicySide } from "./policy/policy-side.ts";
import { OvsQos } from "./qos.ts";
import { bridgeRows, bridgeTable } from "./tables/bridges.ts";
import { createFlowOperations, type FlowOperations, flowTable } from "./tables/flows.ts";
import { gatewayTable } from "./tables/gateways.ts";
import { type LinkRow, linkTable } from "./tables/links.ts";

/** What is planned with, once the bridges stand. */
export interface Parts {
  readonly integration: { readonly connection: OpenFlowSwitch; readonly operations: FlowOperations };
  readonly flows: Table<FlowRow>;
  readonly plan: FlowPlan;
  readonly machine: MachineSide<MemberPorts>;
  readonly announcer: Announcer;
  readonly conflictProbe: ConflictProbe;
  readonly policy: PolicySide;
}

/** What a driver stands on: its tables with what brings switch and kernel to them, and what it hears of both. */
export class Foundation {
  readonly reconciler: Reconciler;
  readonly pool: LinkPool;
  readonly watch = new PortWatch();
  readonly logger: Logger;
  readonly #dependencies: OvsDriverDependencies;
  readonly settings: OvsSettings;
  /** Once the bridges stand. Absent: there is none. */
  qos: OvsQos | undefined;
  readonly #closing = new AbortController();
  readonly #numbers = new Numbers({ first: FIRST_NUMBER, last: LAST_NUMBER });
  readonly #jobs: Promise<void>[] = [];
  #policy: PolicySide | undefined;
  readonly #switches: { readonly connection: OpenFlowSwitch; readonly operations: FlowOperations }[] = [];

  constructor(dependencies: OvsDriverDependencies, settings: OvsSettings) {
    const { clock, logger, kernel, ovs } = dependencies;
    this.#dependencies = dependencies;
    this.settings = settings;
    this.logger = logger.child({ component: "datapath" });
    this.reconciler = new Reconciler({ clock, logger });
    this.pool = new LinkPool({ kernel, ovs, clock, logger: this.logger, numbers: this.#numbers }, settings);
  }

  /** Ends when the driver is closed. */
  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Resolves when the bridges stand and it is known what an earlier run has left. */
  async build(signal: AbortSignal): Promise<Parts> {
    const { kernel, ovs, ovsdb, host, netfilter } = this.#dependencies;
    const { names, uplink } = this.settings;
    if (uplink !== undefined) await refuseAddresses(kernel, uplink, names.uplinkBridge);
    const bridges = this.reconciler.table(bridgeTable({ kernel, ovs }, this.settings));
    const rows = bridgeRows(this.settings);
    for (const row of rows) bridges.set(row);
    await bridges.settled(
      rows.map((row) => row.options.name),
      signal,
    );
    const mayCreate = (row: LinkRow): boolean => this.pool.mayCreate(row);
    const links = this.reconciler.table(linkTable({ kernel, ovs, host, mayCreate }, this.settings));
    const integration = this.#connect(names.integration);
    this.qos = OvsQos.create(this.reconciler, integration.connection, this.#dependencies, this.settings);
    const gateways = this.reconciler.table(gatewayTable({ kernel, ovs, host }, this.settings));
    // Known before the first change, so that a restart changes nothing.
    const inherited = await integration.operations.observe();
    const flows = this.reconciler.table(flowTable("flows", names.integration, integration.operations));
    const plan = new FlowPlan(flows);
    plan.inherit(inherited);
    if (uplink !== undefined) this.#startUplink(names.uplinkBridge);
    const firewall = this.reconciler.table(firewallTable(host));
    // First: what is taken away from now on is heard.
    const removals = netfilter?.removals(this.#closing.signal);
    await this.#raiseShield(firewall, signal);
    const policy = await this.#startPolicy(integration.connection, signal);
    const machine =
      uplink === undefined
        ? new LocalGateways({ plan, gateways, firewall, numbers: this.#numbers, ovs }, this.settings)
        : new HostAccess({ flows, gateways, firewall, inherited }, this.settings);
    const announcer = new Announcer({
      connection: integration.connection,
      clock: this.#dependencies.clock,
      logger: this.logger,
      signal: this.#closing.signal,
    });
    const conflictProbe = new ConflictProbe({
      connection: integration.connection,
      flows,
      clock: this.#dependencies.clock,
      random: Math.random,
      mac: probingMac(this.settings.node),
    });
    await this.pool.recover(links);
    this.#jobs.push(
      this.pool.run(this.#closing.signal),
      this.#followKernel(kernel.watch(this.#closing.signal)),
      this.#followDatabase(ovsdb.watch(this.#closing.signal)),
      ...(this.qos === undefined ? [] : [this.qos.follow(this.#closing.signal)]),
      ...(netfilter === undefined || removals === undefined ? [] : [this.#followRules(netfilter, removals, firewall)]),
    );
    return { integration, flows, plan, machine, announcer, conflictProbe, policy };
  }

  async close(): Promise<void> {
    this.#closing.abort(new HoldfastError("unavailable", "the data path driver was closed"));
    await this.reconciler.close();
    await Promise.all(this.#jobs);
    for (const { connection } of this.#switches) await connection.close();
  }

  #connect(bridge: string): { connection: OpenFlowSwitch; operations: FlowOperations } {
    let first = true;
    const connection = this.#dependencies.connectSwitch(bridge, () => {
      if (first) {
        first = false;
        return;
      }
      this.logger.info("switch is back", { bridge });
      operations.forget();
      if (bridge === this.settings.names.integration) this.qos?.reconnected();
      this.reconciler.refresh();
      if (bridge === this.settings.names.integration) this.#policy?.reconnected();
    });
    const operations = createFlowOperations(connection);
    this.#switches.push({ connection, operations });
    return { connection, operations };
  }

  /** In force before the first interface is given away. */
  async #raiseShield(firewall: Table<RuleSet>, signal: AbortSignal): Promise<void> {
    const { names, uplink, datapathType } = this.settings;
    if (datapathType === "system") return;
    const shield = shieldRules([`${names.linkPrefix}*`, ...(uplink === undefined ? [] : [uplink])]);
    firewall.set(shield);
    await firewall.settled([shield.name], signal);
  }

  /** What every policy needs is in force before the first endpoint. */
  async #startPolicy(connection: OpenFlowSwitch, started: AbortSignal): Promise<PolicySide> {
    const { tracking, clock, packetLog } = this.#dependencies;
    const log = packetLog && { write: packetLog, linkName: this.settings.names.link };
    const signal = this.#closing.signal;
    const policy = new PolicySide({ connection, tracking, clock, log, logger: this.logger, signal });
    await policy.start(started);
    this.#policy = policy;
    return policy;
  }

  #startUplink(bridge: string): void {
    const { operations } = this.#connect(bridge);
    const table: Table<FlowRow> = this.reconciler.table(flowTable("uplink-flows", bridge, operations));
    for (const row of flowRows(uplinkRules, cookieOf("base"))) table.set(row);
  }

  async #followKernel(events: AsyncIterable<KernelEvent>): Promise<void> {
    const list = async (): Promise<void> => this.watch.list(await linksByName(this.#dependencies.kernel));
    await list();
    for await (const event of events) {
      this.watch.see(event);
      if (event.kind === "link-gone") this.qos?.lost(event.name);
      if (event.kind === "overrun") {
        await list();
        this.qos?.refresh();
        this.reconciler.refresh("bridges", "links", "gateways");
      }
    }
  }

  /** A service that loads the machine's firewall begins with taking away all rules that there are. */
  async #followRules(netfilter: Netfilter, removals: Removals, firewall: Table<RuleSet>): Promise<void> {
    for await (const removal of removals) {
      const tables = firewall.desired().flatMap((rules) => (rules.chains.size === 0 ? [] : rules.tables));
      if (removal === "overrun" || isTableLost(netfilter, tables, removal)) this.reconciler.refresh("firewall");
    }
  }

  /** Somebody else has removed something of ours from the switch's configuration. */
  async #followDatabase(changes: AsyncIterable<RowChange>): Promise<void> {
    for await (const { table, before, after } of changes) {
      if (after !== undefined || (table !== "Bridge" && table !== "Port")) continue;
      const owner = before?.columns.external_ids;
      const ours = owner instanceof Map && owner.get(OWNER) === this.settings.node;
      if (ours) this.reconciler.refresh("bridges", "links", "gateways");
    }
  }
}

type Removals = AsyncIterable<Removal | "overrun">;

/** The switch takes the uplink over: what the machine itself says and hears on it would be cut off. */
async function refuseAddresses(kernel: Kernel, uplink: string, bridge: string): Promise<void> {
  const own = (await kernel.listAddresses(uplink)).filter(({ address }) => !address.startsWith("fe80:"));
  const [first] = own;
  if (first === undefined) return;
  const text = `the uplink ${uplink} has the address ${first.address}/${first.length} of this machine`;
  throw new HoldfastError("in_use", `${text}; give it to ${bridge} as the tunnel address, or name another interface`);
}
