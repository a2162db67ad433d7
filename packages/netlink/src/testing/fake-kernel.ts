import { Cidr, IpAddress, type MacAddress } from "@holdfast/core";

import { checkAddress, checkLinkChange, checkLinkName, checkNeighbour, checkRoute, checkVeth } from "../checks.ts";
import { defaultScope } from "../codec/route.ts";
import { EventQueue } from "../event-queue.ts";
import type {
  InterfaceAddress,
  Kernel,
  KernelChange,
  KernelEvent,
  Link,
  LinkChange,
  Neighbour,
  Route,
  RouteFilter,
  VethOptions,
} from "../kernel.ts";
import { routeText } from "../tables.ts";
import { createVeth, deleteLink, destroyLink, requireLink, setLink } from "./fake-links.ts";
import { FakeMachine, type KernelOperation, refusal } from "./fake-machine.ts";
import { type FakeLink, FakeNamespace, observe, sameAddress, sameRoute } from "./fake-namespace.ts";
import { printNamespace } from "./print-namespace.ts";

export type { KernelOperation };

/**
 * A kernel in memory, with as many namespaces as a test wants. `String(kernel)` is what an operator would type to get its tables.
 *
 * `enter` gives fakes that share the machine: `failNext` on one of them works on all.
 */
export class FakeKernel implements Kernel {
  readonly #machine: FakeMachine;
  readonly #here: FakeNamespace;
  readonly #watches = new Set<EventQueue<KernelEvent>>();

  constructor(machine?: FakeMachine, here?: FakeNamespace) {
    this.#machine = machine ?? new FakeMachine();
    this.#here = here ?? new FakeNamespace();
  }

  /** Makes the next call of an operation fail, e.g. `failNext("replaceRoute", "EBUSY")`; may be called several times. */
  failNext(operation: KernelOperation, errnoName: string): void {
    this.#machine.failNext(operation, errnoName);
  }

  addNamespace(path: string): void {
    if (!this.#machine.namespaces.has(path)) this.#machine.namespaces.set(path, new FakeNamespace(path));
  }

  /** The namespace ends with all its links, and veths lose their other ends, too. */
  removeNamespace(path: string): void {
    const namespace = this.#machine.namespaces.get(path);
    this.#machine.namespaces.delete(path);
    for (const link of namespace?.links ?? []) destroyLink(link);
  }

  /** A file that is no namespace. */
  addFile(path: string): void {
    this.#machine.files.add(path);
  }

  /** A link that Holdfast does not make: hardware (no kind), a bridge, a TUN device. */
  addLink(options: {
    readonly name: string;
    readonly kind?: string;
    readonly mac?: MacAddress;
    readonly mtu?: number;
  }): void {
    const { name, kind, mac, mtu = 1500 } = options;
    const link = this.#here.add({
      name,
      mtu,
      mac: mac ?? this.#machine.nextMac(),
      ...(kind === undefined ? {} : { kind }),
    });
    link.macChosen = mac !== undefined;
    this.#here.tellLink(link);
  }

  /** Undefined: there is no such link; `""`: hardware. */
  kindOf(link: string): string | undefined {
    const found = this.#here.link(link);
    return found && (found.kind ?? "");
  }

  /** Tells every watch of this namespace that events were lost. */
  overrun(): void {
    this.#here.tell({ kind: "overrun" });
  }

  toString(): string {
    return printNamespace(this.#here);
  }

  async listLinks(): Promise<readonly Link[]> {
    this.#machine.begin("listLinks", "list links");
    return this.#here.links.map(observe);
  }

  async getLink(name: string): Promise<Link | undefined> {
    checkLinkName(name);
    this.#machine.begin("getLink", `read link ${name}`);
    const link = this.#here.link(name);
    return link === undefined ? undefined : observe(link);
  }

  async createVeth(options: VethOptions): Promise<void> {
    checkVeth(options);
    const { name, peer, peerNamespace } = options;
    const there = peerNamespace === undefined ? this.#here : this.#machine.namespace(peerNamespace);
    this.#machine.begin("createVeth", `create veth ${name} with peer ${peer}`);
    createVeth(this.#machine, this.#here, there, options);
  }

  async setLink(name: string, change: LinkChange): Promise<void> {
    checkLinkChange(name, change);
    const there = change.namespace === undefined ? this.#here : this.#machine.namespace(change.namespace);
    this.#machine.begin("setLink", `set link ${name}`);
    setLink(this.#here, there, name, change);
  }

  async deleteLink(name: string): Promise<void> {
    checkLinkName(name);
    this.#machine.begin("deleteLink", `delete link ${name}`);
    deleteLink(this.#here, name);
  }

  async listAddresses(link?: string): Promise<readonly InterfaceAddress[]> {
    this.#machine.begin("listAddresses", "list addresses");
    return this.#here.addresses.filter((address) => link === undefined || address.link === link);
  }

  async replaceAddress(address: InterfaceAddress): Promise<void> {
    checkAddress(address);
    const task = `add address ${address.address}/${address.length} to ${address.link}`;
    this.#machine.begin("replaceAddress", task);
    this.#require(address.link, task);
    const known = this.#here.addresses.filter((row) => row.link === address.link && row.address === address.address);
    if (known.some((row) => row.length === address.length)) return;
    if (IpAddress.family(address.address) === "v6") for (const row of known) this.#here.removeAddress(row);
    this.#here.addAddress({ ...address });
  }

  async deleteAddress(address: InterfaceAddress): Promise<void> {
    checkAddress(address);
    this.#machine.begin("deleteAddress", `remove address ${address.address}/${address.length} from ${address.link}`);
    if (this.#here.addresses.some((row) => sameAddress(row, address))) this.#here.removeAddress(address);
  }

  async listRoutes({ protocol, family }: RouteFilter = {}): Promise<readonly Route[]> {
    this.#machine.begin("listRoutes", "list routes");
    return this.#here.routes
      .filter((route) => protocol === undefined || route.protocol === protocol)
      .filter(({ prefix }) => family === undefined || Cidr.family(Cidr.parse(prefix)) === family)
      .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  }

  async replaceRoute(route: Route): Promise<void> {
    checkRoute(route);
    const task = `set route ${routeText(route)}`;
    this.#machine.begin("replaceRoute", task);
    if (route.link !== undefined && !this.#require(route.link, task).up) throw refusal(task, "ENETDOWN");
    const link = route.nextHop === undefined ? route.link : this.#here.linkTowards(route.nextHop, route.link);
    if (link === undefined && route.type === undefined)
      throw refusal(task, route.prefix.includes(":") ? "EHOSTUNREACH" : "ENETUNREACH");
    if (route.source !== undefined && !this.#here.addresses.some(({ address }) => address === route.source)) {
      throw refusal(task, "EINVAL");
    }
    const { scope, ...rest } = route;
    const v6 = route.prefix.includes(":");
    this.#here.putRoute({
      ...rest,
      ...(link === undefined ? {} : { link }),
      ...(v6 || scope === undefined || scope === defaultScope(route) ? {} : { scope }),
    });
  }

  async deleteRoute(route: Route): Promise<void> {
    checkRoute(route);
    this.#machine.begin("deleteRoute", `remove route ${routeText(route)}`);
    this.#here.removeRoutes(
      (row) =>
        sameRoute(row, route) &&
        row.protocol === route.protocol &&
        (route.link === undefined || route.link === row.link) &&
        (route.nextHop === undefined || route.nextHop === row.nextHop),
    );
  }

  async apply(changes: readonly KernelChange[]): Promise<void> {
    for (const change of changes) {
      const link = linkOf(change);
      if (link !== undefined) this.#require(link, `change link ${link}`);
    }
    const outcomes = await Promise.allSettled(changes.map((change) => this.#apply(change)));
    const refused = outcomes.find(({ status }) => status === "rejected");
    if (refused?.status === "rejected") throw refused.reason;
  }

  async listNeighbours(link?: string): Promise<readonly Neighbour[]> {
    this.#machine.begin("listNeighbours", "list neighbours");
    return this.#here.neighbours.filter((neighbour) => link === undefined || neighbour.link === link);
  }

  async replaceNeighbour(neighbour: Neighbour): Promise<void> {
    checkNeighbour(neighbour);
    const task = `set neighbour ${neighbour.address} on ${neighbour.link}`;
    this.#machine.begin("replaceNeighbour", task);
    if (!this.#require(neighbour.link, task).up) throw refusal(task, "ENETDOWN");
    const { link, address, mac, state } = neighbour;
    this.#here.putNeighbour({ link, address, mac, state });
  }

  async deleteNeighbour(neighbour: Neighbour): Promise<void> {
    this.#machine.begin("deleteNeighbour", `remove neighbour ${neighbour.address} from ${neighbour.link}`);
    this.#here.removeNeighbour(neighbour);
  }

  async disableOffloads(link: string): Promise<void> {
    const task = `turn offloads of link ${link} off`;
    this.#machine.begin("disableOffloads", task);
    this.#require(link, task).offloads = false;
  }

  watch(signal: AbortSignal): AsyncIterable<KernelEvent> {
    const push = (event: KernelEvent): void => queue.push(event);
    const stop = (): void => queue.end();
    const queue = new EventQueue<KernelEvent>({
      limit: 65_536,
      overflow: { kind: "overrun" },
      onEnd: () => {
        this.#here.watchers.delete(push);
        this.#watches.delete(queue);
        signal.removeEventListener("abort", stop);
      },
    });
    this.#here.watchers.add(push);
    this.#watches.add(queue);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    return queue;
  }

  async enter(namespacePath: string): Promise<FakeKernel> {
    this.#machine.begin("enter", `enter network namespace ${namespacePath}`);
    return new FakeKernel(this.#machine, this.#machine.namespace(namespacePath));
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
  }

  async #apply(change: KernelChange): Promise<void> {
    switch (change.kind) {
      case "up":
        return await this.setLink(change.link, { up: true });
      case "address":
        return await this.replaceAddress(change.address);
      case "route":
        return await this.replaceRoute(change.route);
    }
  }

  #require(name: string, task: string): FakeLink {
    return requireLink(this.#here, name, task);
  }
}

function linkOf(change: KernelChange): string | undefined {
  switch (change.kind) {
    case "up":
      return change.link;
    case "address":
      return change.address.link;
    case "route":
      return change.route.link;
  }
}
