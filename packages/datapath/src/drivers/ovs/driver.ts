import { Cidr, HoldfastError, type IpAddress, type Reached } from "@holdfast/core";
import type { RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { PolicyChange } from "@holdfast/policy";
import type {
  AddressConflict,
  AddressQuestion,
  AttachedPort,
  DatapathDriver,
  EndpointWiring,
  PolicyDatapath,
  PortEvent,
  RowStatus,
  WiredInterface,
} from "../../driver.ts";
import { firstOfEachFamily } from "../../links/first-addresses.ts";
import { refuseQos } from "../../qos/qos-side.ts";
import { type Attachment, Attachments } from "./attachments.ts";
import type { OvsDriverDependencies } from "./dependencies.ts";
import type { LocalMember } from "./flow-plan.ts";
import { Foundation, type Parts } from "./foundation.ts";
import { guardCounters } from "./guard-counters.ts";
import { networkNumber, networkParty } from "./network-party.ts";
import type { OvsSettings } from "./options.ts";
import type { PortQos } from "./qos.ts";
import type { LinkRow } from "./tables/links.ts";

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
  const foundation = new Foundation(dependencies, settings);
  try {
    return new OvsDriver(foundation, await foundation.build(signal), dependencies, settings);
  } catch (error) {
    await foundation.close();
    throw error;
  }
}

class OvsDriver implements DatapathDriver {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #reached: Reached | undefined;
  readonly #settings: OvsSettings;
  readonly #attachments: Attachments;
  readonly #networks = new Map<string, WiredNetwork>();

  constructor(
    foundation: Foundation,
    parts: Parts,
    { kernel, reached }: Pick<OvsDriverDependencies, "kernel" | "reached">,
    settings: OvsSettings,
  ) {
    this.#foundation = foundation;
    this.#parts = parts;
    this.#attachments = new Attachments({ foundation, parts, kernel, reached });
    this.#reached = reached;
    this.#settings = settings;
  }

  readonly policy: PolicyDatapath = {
    applyPolicy: (change, signal) => this.#applyPolicy(change, signal),
    ruleCounters: (signal) => this.#parts.policy.ruleCounters(signal),
    guardCounters: () => guardCounters(this.#parts.integration.connection),
  };

  setNetwork(network: WiredNetwork): void {
    this.#parts.machine.setNetwork(network);
    // The machine's kernel carries it, and all that it shares with ours is the routing table.
    if (network.kind === "routed") return;
    this.#networks.set(network.id, network);
    this.#parts.plan.setNetwork(networkParty(network, this.#settings));
  }

  removeNetwork(id: string): void {
    this.#parts.machine.removeNetwork(id);
    if (!this.#networks.delete(id)) return;
    this.#parts.plan.removeNetwork(networkNumber(id));
  }

  setRemote({ id, network, mac, addresses, tunnelAddress, epoch }: RemoteEndpoint): void {
    this.#parts.plan.setRemote({ id, network: networkNumber(network), mac, addresses, tunnelAddress, epoch });
  }

  removeRemote(id: string): void {
    this.#parts.plan.removeRemote(id);
  }

  /** Blocks are of routed networks, which this driver does not carry. */
  setRemoteBlock(): void {}

  removeRemoteBlock(): void {}

  setOwnBlock(): void {}

  removeOwnBlock(): void {}

  async attach(wiring: EndpointWiring, signal: AbortSignal): Promise<AttachedPort> {
    signal.throwIfAborted();
    if (wiring.policy !== undefined) this.#parts.policy.check(wiring.id, wiring.policy);
    const network = this.#networks.get(wiring.network);
    if (network === undefined) {
      throw new HoldfastError(
        "not_found",
        `endpoint ${wiring.id} is in network ${wiring.network}, which is not known here`,
      );
    }
    const before = this.#attachments.get(wiring.id);
    const attachment = before ?? this.#attachments.begin(wiring, signal);
    attachment.wiring = wiring;
    try {
      const link = await attachment.link;
      this.#reached?.("ovs.attach-link");
      await this.#wire(attachment, link, signal);
      this.#reached?.("ovs.attach-flows");
      if (this.#foundation.pool.isFresh(link)) this.#parts.announcer.claim(wiring, link.number);
      await this.#foundation.pool.assign(link, { id: wiring.id, mac: wiring.mac, mtu: network.mtu });
      this.#reached?.("ovs.attach-named");
      attachment.row = link;
      return { hostInterface: link.name, containerInterface: link.peer, mtu: network.mtu };
    } catch (error) {
      if (before === undefined && this.#attachments.get(wiring.id) === attachment) {
        await this.#attachments.giveUp(attachment);
      }
      throw error;
    }
  }

  async detach(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    await this.#attachments.end(endpointId, signal);
  }

  async quiet(signal: AbortSignal): Promise<void> {
    await this.#parts.policy.settle(signal);
  }

  async announce(endpointId: string, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const attachment = this.#attachments.get(endpointId);
    if (attachment === undefined) throw new HoldfastError("not_found", `endpoint ${endpointId} is not attached here`);
    const { wiring } = attachment;
    const { number } = await attachment.link;
    const isStillHere = (): boolean => this.#attachments.get(endpointId)?.wiring === wiring;
    const gateways = this.#outsideGateways(wiring);
    await this.#parts.announcer.announce({ wiring, port: number, gateways, isStillHere });
  }

  async probe(question: AddressQuestion, signal: AbortSignal): Promise<readonly AddressConflict[]> {
    signal.throwIfAborted();
    const network = this.#networks.get(question.network);
    if (network === undefined) throw new HoldfastError("not_found", `network ${question.network} is not known here`);
    return await this.#parts.conflictProbe.ask(networkParty(network, this.#settings), question, signal);
  }

  /** Gateways that somebody else is: in a VLAN with an uplink, the company's router. */
  #outsideGateways({ network, addresses }: EndpointWiring): readonly IpAddress[] {
    const wired = this.#networks.get(network);
    if (wired?.kind !== "vlan" || this.#foundation.settings.uplink === undefined) return [];
    const subnets = wired.subnets.filter(({ prefix }) => addresses.some((address) => Cidr.contains(prefix, address)));
    return subnets.flatMap(({ gateway }) => gateway ?? []);
  }

  async synced(signal: AbortSignal): Promise<void> {
    this.#parts.plan.complete();
    this.#parts.machine.complete();
    await this.#foundation.reconciler.synced(signal);
    await this.#parts.policy.complete(signal);
    // When no flow of theirs is left: a link may be given to somebody else.
    this.#foundation.pool.complete();
  }

  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    return this.#foundation.watch.watch(AbortSignal.any([signal, this.#foundation.closing]));
  }

  async inventory(signal: AbortSignal): Promise<readonly WiredInterface[]> {
    signal.throwIfAborted();
    return await this.#attachments.inventory();
  }

  status(): readonly RowStatus[] {
    return [
      ...this.#foundation.reconciler.status(),
      ...(this.#foundation.qos?.status() ?? []),
      ...this.#parts.machine.status(),
      ...this.#parts.policy.status(),
    ];
  }

  async close(): Promise<void> {
    await this.#foundation.close();
  }

  /** Flows and published ports, in parallel: they do not depend on each other. */
  async #wire(attachment: Attachment, link: LinkRow, signal: AbortSignal): Promise<void> {
    const { wiring } = attachment;
    if (this.#attachments.get(wiring.id) !== attachment) {
      throw new HoldfastError("conflict", `endpoint ${wiring.id} was detached while it was attached`);
    }
    const { plan, flows, machine } = this.#parts;
    const limits = this.#setQos(wiring, link);
    const isPoliced = wiring.policy !== undefined || limits.counted;
    this.#foundation.watch.add(link.name, wiring.id);
    const member: LocalMember = {
      id: wiring.id,
      network: networkNumber(wiring.network),
      epoch: wiring.epoch,
      port: link.number,
      mac: wiring.mac,
      addresses: wiring.addresses,
      row: { table: "links", key: link.name },
      policed: isPoliced,
      ...limits.port,
    };
    const isFirstPolicy = isPoliced && (await this.#police(wiring, link, limits.counted, signal));
    const touched = plan.setLocal(member);
    const reached = firstOfEachFamily(wiring.addresses);
    const ports = wiring.ports.flatMap((port) => reached.map((address) => ({ ...port, address })));
    const published = ports.length === 0 ? undefined : { network: wiring.network, member, ports };
    await Promise.all([
      flows.settled(touched, signal),
      machine.setPorts(wiring.id, published, signal),
      limits.settled(signal),
    ]);
    if (isFirstPolicy) await this.#parts.policy.settle(signal);
    // Its frames do not come there any more.
    if (!isPoliced) await this.#parts.policy.release(wiring.id, signal);
  }

  #setQos(wiring: EndpointWiring, link: LinkRow): PortQos {
    const { qos } = this.#foundation;
    const network = this.#networks.get(wiring.network);
    const reach = network && networkParty(network, this.#settings).reach;
    if (qos !== undefined) return qos.set(wiring, link, reach);
    refuseQos(wiring);
    return { port: {}, counted: false, settled: async () => undefined };
  }

  /** Endpoints that are attached without a policy have their first one when it resolves. */
  async #applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void> {
    await this.#parts.policy.applyPolicy(change, signal);
    for (const { endpoint, ...programs } of change.endpoints) {
      const attachment = this.#attachments.get(endpoint);
      if (attachment === undefined) continue;
      const isFirst = attachment.wiring.policy === undefined;
      attachment.wiring = { ...attachment.wiring, policy: programs };
      if (isFirst) await this.#wire(attachment, await attachment.link, signal);
    }
  }

  /** Before its first frame can come. Whether it is attached already, without a policy until now: then it may have connections. */
  async #police(
    { id, policy: programs, addresses }: EndpointWiring,
    link: LinkRow,
    counted: boolean,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { policy } = this.#parts;
    const used = !this.#foundation.pool.isFresh(link);
    return await policy.bind(id, { port: link.number, addresses, programs, counted }, used, signal);
  }
}
