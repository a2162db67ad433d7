import { type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { Kernel, KernelEvent } from "@holdfast/netlink";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { OpenVSwitch, OvsdbClient, RowChange } from "@holdfast/ovsdb";
import type { AttachedPort, DatapathDriver, EndpointWiring, PortEvent, RowStatus } from "../../driver.ts";
import { Reconciler } from "../../reconcile/reconciler.ts";
import type { Table } from "../../reconcile/table.ts";
import { Announcer } from "./announcer.ts";
import { type RuleSet, shieldRules } from "./firewall.ts";
import { FlowPlan, type LocalMember } from "./flow-plan.ts";
import type { FlowRow } from "./flow-row.ts";
import { flowRows } from "./flow-row.ts";
import { HostAccess } from "./host-access.ts";
import type { HostTools } from "./host-tools.ts";
import { LinkPool } from "./link-pool.ts";
import { LocalGateways } from "./local-gateways.ts";
import type { MachineSide } from "./machine-side.ts";
import { networkNumber, networkParty } from "./network-party.ts";
import { Numbers } from "./numbers.ts";
import type { OvsSettings } from "./options.ts";
import { OWNER } from "./ownership.ts";
import { cookieOf } from "./pipeline/layout.ts";
import { uplinkRules } from "./pipeline/uplink-bridge.ts";
import { PortWatch } from "./port-watch.ts";
import { bridgeRows, bridgeTable } from "./tables/bridges.ts";
import { firewallTable } from "./tables/firewall.ts";
import { createFlowOperations, type FlowOperations, flowTable } from "./tables/flows.ts";
import { gatewayTable } from "./tables/gateways.ts";
import { type LinkRow, linksByName, linkTable } from "./tables/links.ts";

/** Opens an OpenFlow connection to a bridge; calls back each time it stands. */
export type ConnectSwitch = (bridge: string, onConnected: () => void) => OpenFlowSwitch;

export interface OvsDriverDependencies {
  readonly kernel: Kernel;
  readonly ovsdb: OvsdbClient;
  readonly ovs: OpenVSwitch;
  readonly connectSwitch: ConnectSwitch;
  readonly host: HostTools;
  readonly logger: Logger;
  readonly clock: Clock;
}

/**
 * Carries frames with Open vSwitch. See DESIGN.md of this package, and PIPELINE.md beside this file.
 *
 * Resolves when the bridges stand and it is known what an earlier run has left.
 *
 * @throws the signal's reason; HoldfastError when a bridge cannot be made.
 */
export async function createOvsDriver(
  dependencies: OvsDriverDependencies,
  settings: OvsSettings,
  signal: AbortSignal,
): Promise<DatapathDriver> {
  const driver = new OvsDriver(dependencies, settings);
  try {
    await driver.start(signal);
    return driver;
  } catch (error) {
    await driver.close();
    throw error;
  }
}

interface Attachment {
  wiring: EndpointWiring;
  readonly link: Promise<LinkRow>;
}

class OvsDriver implements DatapathDriver {
  readonly #dependencies: OvsDriverDependencies;
  readonly #settings: OvsSettings;
  readonly #logger: Logger;
  readonly #closing = new AbortController();
  readonly #reconciler: Reconciler;
  readonly #numbers = new Numbers();
  readonly #pool: LinkPool;
  readonly #watch = new PortWatch();
  readonly #attachments = new Map<string, Attachment>();
  readonly #networks = new Map<string, WiredNetwork>();
  readonly #jobs: Promise<void>[] = [];
  readonly #switches: { readonly connection: OpenFlowSwitch; readonly operations: FlowOperations }[] = [];
  #parts: Parts | undefined;

  constructor(dependencies: OvsDriverDependencies, settings: OvsSettings) {
    const { clock, logger, kernel, ovs } = dependencies;
    this.#dependencies = dependencies;
    this.#settings = settings;
    this.#logger = logger.child({ component: "datapath" });
    this.#reconciler = new Reconciler({ clock, logger });
    this.#pool = new LinkPool({ kernel, ovs, clock, logger: this.#logger, numbers: this.#numbers }, settings);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { kernel, ovs, ovsdb, host } = this.#dependencies;
    const { names, uplink } = this.#settings;
    if (uplink !== undefined) await refuseAddresses(kernel, uplink, names.uplinkBridge);
    const bridges = this.#reconciler.table(bridgeTable({ kernel, ovs }, this.#settings));
    const rows = bridgeRows(this.#settings);
    for (const row of rows) bridges.set(row);
    await bridges.settled(
      rows.map((row) => row.options.name),
      signal,
    );
    const mayCreate = (row: LinkRow): boolean => this.#pool.mayCreate(row);
    const links = this.#reconciler.table(linkTable({ kernel, ovs, host, mayCreate }, this.#settings));
    const gateways = this.#reconciler.table(gatewayTable({ kernel, ovs, host }, this.#settings));
    const integration = this.#connect(names.integration);
    // Known before the first change, so that a restart changes nothing.
    const inherited = await integration.operations.observe();
    const flows = this.#reconciler.table(flowTable("flows", names.integration, integration.operations));
    const plan = new FlowPlan(flows);
    plan.inherit(inherited);
    if (uplink !== undefined) this.#startUplink(names.uplinkBridge);
    const firewall = this.#reconciler.table(firewallTable(host));
    await this.#raiseShield(firewall, signal);
    const machine =
      uplink === undefined
        ? new LocalGateways({ plan, gateways, firewall, numbers: this.#numbers, ovs }, this.#settings)
        : new HostAccess({ flows, gateways, firewall, inherited }, this.#settings);
    const announcer = new Announcer({
      connection: integration.connection,
      clock: this.#dependencies.clock,
      logger: this.#logger,
      signal: this.#closing.signal,
    });
    this.#parts = { integration, flows, plan, machine, announcer };
    await this.#pool.recover(links);
    this.#jobs.push(
      this.#pool.run(this.#closing.signal),
      this.#followKernel(kernel.watch(this.#closing.signal)),
      this.#followDatabase(ovsdb.watch(this.#closing.signal)),
    );
  }

  setNetwork(network: WiredNetwork): void {
    this.#networks.set(network.id, network);
    this.#here.plan.setNetwork(networkParty(network, this.#settings));
    this.#here.machine.setNetwork(network);
  }

  removeNetwork(id: string): void {
    if (!this.#networks.delete(id)) return;
    this.#here.machine.removeNetwork(id);
    this.#here.plan.removeNetwork(networkNumber(id));
  }

  setRemote({ id, network, mac, addresses, tunnelAddress, epoch }: RemoteEndpoint): void {
    this.#here.plan.setRemote({ id, network: networkNumber(network), mac, addresses, tunnelAddress, epoch });
  }

  removeRemote(id: string): void {
    this.#here.plan.removeRemote(id);
  }

  async attach(wiring: EndpointWiring, signal: AbortSignal): Promise<AttachedPort> {
    signal.throwIfAborted();
    const network = this.#networks.get(wiring.network);
    if (network === undefined) {
      throw new HoldfastError(
        "not_found",
        `endpoint ${wiring.id} is in network ${wiring.network}, which is not known here`,
      );
    }
    const before = this.#attachments.get(wiring.id);
    const attachment = before ?? this.#begin(wiring, signal);
    attachment.wiring = wiring;
    try {
      const link = await attachment.link;
      await this.#wire(attachment, link, signal);
      if (this.#pool.isFresh(link)) this.#here.announcer.claim(wiring, link.number);
      await this.#pool.assign(link, { id: wiring.id, mac: wiring.mac, mtu: network.mtu });
      return { hostInterface: link.name, containerInterface: link.peer, mtu: network.mtu };
    } catch (error) {
      if (before === undefined && this.#attachments.get(wiring.id) === attachment) await this.#giveUp(attachment);
      throw error;
    }
  }

  async detach(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const attachment = this.#attachments.get(endpointId);
    if (attachment === undefined) {
      await this.#detachUnknown(endpointId, signal);
      return;
    }
    this.#attachments.delete(endpointId);
    await this.#takeDown(attachment, signal);
  }

  async announce(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const attachment = this.#attachments.get(endpointId);
    if (attachment === undefined) throw new HoldfastError("not_found", `endpoint ${endpointId} is not attached here`);
    const { wiring } = attachment;
    const { number } = await attachment.link;
    const isStillHere = (): boolean => this.#attachments.get(endpointId)?.wiring === wiring;
    await this.#here.announcer.announce(wiring, number, isStillHere);
  }

  async synced(signal: AbortSignal): Promise<void> {
    this.#here.plan.complete();
    this.#here.machine.complete();
    await this.#reconciler.synced(signal);
    // When no flow of theirs is left: a link may be given to somebody else.
    this.#pool.complete();
  }

  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    return this.#watch.watch(AbortSignal.any([signal, this.#closing.signal]));
  }

  status(): readonly RowStatus[] {
    return [...this.#reconciler.status(), ...(this.#parts?.machine.status() ?? [])];
  }

  async close(): Promise<void> {
    this.#closing.abort(new HoldfastError("unavailable", "the data path driver was closed"));
    await this.#reconciler.close();
    await Promise.all(this.#jobs);
    for (const { connection } of this.#switches) await connection.close();
  }

  get #here(): Parts {
    if (this.#parts === undefined) throw new TypeError("bug: the driver is used before it has started");
    return this.#parts;
  }

  #begin(wiring: EndpointWiring, signal: AbortSignal): Attachment {
    const attachment = { wiring, link: this.#findLink(wiring.id, signal) };
    this.#attachments.set(wiring.id, attachment);
    return attachment;
  }

  /** The link that an earlier run has given to the endpoint, unless it has vanished since; else a new one. */
  async #findLink(endpoint: string, signal: AbortSignal): Promise<LinkRow> {
    const adopted = this.#pool.adopt(endpoint);
    if (adopted === undefined) return await this.#pool.take(signal);
    if ((await this.#dependencies.kernel.getLink(adopted.name)) !== undefined) return adopted;
    this.#pool.discard(adopted);
    return await this.#pool.take(signal);
  }

  /** Flows and published ports, in parallel: they do not depend on each other. */
  async #wire(attachment: Attachment, link: LinkRow, signal: AbortSignal): Promise<void> {
    const { wiring } = attachment;
    if (this.#attachments.get(wiring.id) !== attachment) {
      throw new HoldfastError("conflict", `endpoint ${wiring.id} was detached while it was attached`);
    }
    const { plan, flows, machine } = this.#here;
    this.#watch.add(link.name, wiring.id);
    const member: LocalMember = {
      id: wiring.id,
      network: networkNumber(wiring.network),
      epoch: wiring.epoch,
      port: link.number,
      mac: wiring.mac,
      addresses: wiring.addresses,
      row: { table: "links", key: link.name },
    };
    const touched = plan.setLocal(member);
    const ports = wiring.ports.flatMap((port) => wiring.addresses.map((address) => ({ ...port, address })));
    const published = ports.length === 0 ? undefined : { network: wiring.network, member, ports };
    await Promise.all([flows.settled(touched, signal), machine.setPorts(wiring.id, published, signal)]);
  }

  async #takeDown({ wiring, link }: Attachment, signal: AbortSignal): Promise<void> {
    const { plan, flows, machine } = this.#here;
    const touched = plan.removeLocal(wiring.id);
    const [row] = await Promise.all([
      link.catch(() => undefined),
      flows.settled(touched, signal),
      machine.setPorts(wiring.id, undefined, signal),
    ]);
    if (row === undefined) return;
    this.#watch.remove(row.name);
    this.#pool.discard(row);
  }

  /** Takes down what a failed attachment has made; the reconciler goes on with what cannot be done now. */
  async #giveUp(attachment: Attachment): Promise<void> {
    this.#attachments.delete(attachment.wiring.id);
    try {
      await this.#takeDown(attachment, AbortSignal.timeout(UNDO_LIMIT));
    } catch (error) {
      this.#logger.warn("attachment is taken down later", { endpoint: attachment.wiring.id, error: errorText(error) });
      const link = await attachment.link.catch(() => undefined);
      if (link !== undefined) this.#pool.discard(link);
    }
  }

  /** An endpoint that an earlier run has attached and that this one was never told of. */
  async #detachUnknown(endpointId: string, signal: AbortSignal): Promise<void> {
    const link = this.#pool.adopt(endpointId);
    if (link === undefined) return;
    const { plan, flows, integration } = this.#here;
    const touched = plan.disinherit(link.number);
    await integration.operations.removeCookie(cookieOf("endpoint", link.number), signal);
    await flows.settled(touched, signal);
    this.#pool.discard(link);
  }

  #connect(bridge: string): { connection: OpenFlowSwitch; operations: FlowOperations } {
    let first = true;
    const connection = this.#dependencies.connectSwitch(bridge, () => {
      if (first) {
        first = false;
        return;
      }
      this.#logger.info("switch is back", { bridge });
      operations.forget();
      this.#reconciler.refresh();
    });
    const operations = createFlowOperations(connection);
    this.#switches.push({ connection, operations });
    return { connection, operations };
  }

  /** In force before the first interface is given away. */
  async #raiseShield(firewall: Table<RuleSet>, signal: AbortSignal): Promise<void> {
    const { names, uplink, datapathType } = this.#settings;
    if (datapathType === "system") return;
    const shield = shieldRules([`${names.linkPrefix}*`, ...(uplink === undefined ? [] : [uplink])]);
    firewall.set(shield);
    await firewall.settled([shield.name], signal);
  }

  #startUplink(bridge: string): void {
    const { operations } = this.#connect(bridge);
    const table: Table<FlowRow> = this.#reconciler.table(flowTable("uplink-flows", bridge, operations));
    for (const row of flowRows(uplinkRules, cookieOf("base"))) table.set(row);
  }

  async #followKernel(events: AsyncIterable<KernelEvent>): Promise<void> {
    const list = async (): Promise<void> => this.#watch.list(await linksByName(this.#dependencies.kernel));
    await list();
    for await (const event of events) {
      this.#watch.see(event);
      if (event.kind === "overrun") {
        await list();
        this.#reconciler.refresh("bridges", "links", "gateways");
      }
    }
  }

  /** Somebody else has removed something of ours from the switch's configuration. */
  async #followDatabase(changes: AsyncIterable<RowChange>): Promise<void> {
    for await (const { table, before, after } of changes) {
      if (after !== undefined || (table !== "Bridge" && table !== "Port")) continue;
      const owner = before?.columns.external_ids;
      const ours = owner instanceof Map && owner.get(OWNER) === this.#settings.node;
      if (ours) this.#reconciler.refresh("bridges", "links", "gateways");
    }
  }
}

/** The switch takes the uplink over: what the machine itself says and hears on it would be cut off. */
async function refuseAddresses(kernel: Kernel, uplink: string, bridge: string): Promise<void> {
  const own = (await kernel.listAddresses(uplink)).filter(({ address }) => !address.startsWith("fe80:"));
  const [first] = own;
  if (first === undefined) return;
  const text = `the uplink ${uplink} has the address ${first.address}/${first.length} of this machine`;
  throw new HoldfastError("in_use", `${text}; give it to ${bridge} as the tunnel address, or name another interface`);
}

interface Parts {
  readonly integration: { readonly connection: OpenFlowSwitch; readonly operations: FlowOperations };
  readonly flows: Table<FlowRow>;
  readonly plan: FlowPlan;
  readonly machine: MachineSide;
  readonly announcer: Announcer;
}

/** Milliseconds that a failed attachment waits for its own removal. */
const UNDO_LIMIT = 2000;
