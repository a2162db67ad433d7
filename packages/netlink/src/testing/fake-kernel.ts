import { assert, HoldfastError, IpAddress, MacAddress } from "@holdfast/core";

import {
  checkAddress,
  checkLinkChange,
  checkLinkName,
  checkNeighbour,
  checkRoute,
  checkVeth,
  nameTaken,
  noSuchLink,
} from "../checks.ts";
import { defaultScope } from "../codec/route.ts";
import { EventQueue } from "../event-queue.ts";
import type {
  InterfaceAddress,
  Kernel,
  KernelEvent,
  Link,
  LinkChange,
  Neighbour,
  Route,
  VethOptions,
} from "../kernel.ts";
import { KernelError } from "../kernel-error.ts";
import { errnoNumber } from "../libc.ts";
import { vethDifference } from "../links.ts";
import { routeText } from "../tables.ts";
import { type FakeLink, FakeNamespace, observe, sameAddress, sameRoute } from "./fake-namespace.ts";
import { printNamespace } from "./print-namespace.ts";

/** An operation of the kernel that can be told to fail. */
export type KernelOperation = Exclude<keyof Kernel, "watch" | "close">;

/** What all namespaces of a fake machine have in common. */
interface Machine {
  readonly namespaces: Map<string, FakeNamespace>;
  readonly files: Set<string>;
  readonly failures: { readonly operation: KernelOperation; readonly errnoName: string }[];
  lastMac: number;
}

/**
 * A kernel in memory, with as many namespaces as a test wants. `String(kernel)` is what an operator would type to get its tables.
 *
 * `enter` gives fakes that share the machine: `failNext` on one of them works on all.
 */
export class FakeKernel implements Kernel {
  readonly #machine: Machine;
  readonly #here: FakeNamespace;
  readonly #watches = new Set<EventQueue<KernelEvent>>();

  constructor(machine?: Machine, here?: FakeNamespace) {
    this.#machine = machine ?? { namespaces: new Map(), files: new Set(), failures: [], lastMac: 0 };
    this.#here = here ?? new FakeNamespace();
  }

  /** Makes the next call of an operation fail, e.g. `failNext("replaceRoute", "EBUSY")`; may be called several times. */
  failNext(operation: KernelOperation, errnoName: string): void {
    assert(errnoNumber(errnoName) !== undefined, `${errnoName} is the name of an errno`);
    this.#machine.failures.push({ operation, errnoName });
  }

  addNamespace(path: string): void {
    if (!this.#machine.namespaces.has(path)) this.#machine.namespaces.set(path, new FakeNamespace(path));
  }

  /** The namespace ends with all its links, and veths lose their other ends, too. */
  removeNamespace(path: string): void {
    const namespace = this.#machine.namespaces.get(path);
    this.#machine.namespaces.delete(path);
    for (const link of namespace?.links ?? []) this.#destroy(link);
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
    const link = this.#here.add({ name, mtu, mac: mac ?? this.#nextMac(), ...(kind === undefined ? {} : { kind }) });
    link.macChosen = mac !== undefined;
    this.#here.tellLink(link);
  }

  /** Tells every watch of this namespace that events were lost. */
  overrun(): void {
    this.#here.tell({ kind: "overrun" });
  }

  toString(): string {
    return printNamespace(this.#here);
  }

  async listLinks(): Promise<readonly Link[]> {
    this.#enter("listLinks", "list links");
    return this.#here.links.map(observe);
  }

  async getLink(name: string): Promise<Link | undefined> {
    checkLinkName(name);
    this.#enter("getLink", `read link ${name}`);
    const link = this.#here.link(name);
    return link === undefined ? undefined : observe(link);
  }

  async createVeth(options: VethOptions): Promise<void> {
    checkVeth(options);
    const { name, peer, mtu, alias, up = false } = options;
    const there = options.peerNamespace === undefined ? this.#here : this.#namespace(options.peerNamespace);
    this.#enter("createVeth", `create veth ${name} with peer ${peer}`);
    const found = this.#here.link(name);
    if (found !== undefined) {
      const difference = vethDifference(observe(found), options) ?? peerDifference(found, options, there);
      if (difference !== undefined) throw nameTaken(options, name, difference);
      if (up) this.#setUp(found, true);
      return;
    }
    if (there.link(peer) !== undefined) throw nameTaken(options, peer, "is not its other end");
    const far = there.add({ name: peer, mtu, kind: "veth", mac: options.peerMac ?? this.#nextMac(), near: false });
    far.macChosen = options.peerMac !== undefined;
    const near = this.#here.add({ name, mtu, kind: "veth", mac: this.#nextMac() });
    near.macChosen = false;
    near.peer = far;
    far.peer = near;
    near.alias = alias;
    there.tellLink(far);
    this.#here.tellLink(near);
    if (up) this.#setUp(near, true);
  }

  async setLink(name: string, change: LinkChange): Promise<void> {
    checkLinkChange(name, change);
    const task = `set link ${name}`;
    const there = change.namespace === undefined ? undefined : this.#namespace(change.namespace);
    this.#enter("setLink", task);
    const link = this.#require(name, task);
    const master = change.master == null ? undefined : this.#require(change.master, task);
    const target = there ?? this.#here;
    const newName = change.name ?? name;
    if ((newName !== name || target !== this.#here) && target.link(newName) !== undefined) {
      throw this.#refusal(task, "EEXIST");
    }
    if (target !== this.#here) {
      this.#here.take(link);
      if (link.peer?.namespace !== undefined) link.peer.namespace.tellLink(link.peer);
      target.put(link);
    }
    target.rename(link, newName);
    if (change.mtu !== undefined) link.mtu = change.mtu;
    if (change.alias !== undefined) link.alias = change.alias;
    if (change.master !== undefined) link.master = master;
    if (change.mac !== undefined && change.mac !== link.mac) {
      link.mac = change.mac;
      link.macChosen = true;
      target.forgetNeighbours(link);
    }
    target.tellLink(link);
    if (change.up !== undefined) this.#setUp(link, change.up);
  }

  async deleteLink(name: string): Promise<void> {
    checkLinkName(name);
    this.#enter("deleteLink", `delete link ${name}`);
    const link = this.#here.link(name);
    if (link === undefined) return;
    if (link.kind === undefined) throw this.#refusal(`delete link ${name}`, "EOPNOTSUPP");
    this.#destroy(link);
  }

  async listAddresses(link?: string): Promise<readonly InterfaceAddress[]> {
    this.#enter("listAddresses", "list addresses");
    return this.#here.addresses.filter((address) => link === undefined || address.link === link);
  }

  async replaceAddress(address: InterfaceAddress): Promise<void> {
    checkAddress(address);
    const task = `add address ${address.address}/${address.length} to ${address.link}`;
    this.#enter("replaceAddress", task);
    this.#require(address.link, task);
    const known = this.#here.addresses.filter((row) => row.link === address.link && row.address === address.address);
    if (known.some((row) => row.length === address.length)) return;
    if (IpAddress.family(address.address) === "v6") for (const row of known) this.#here.removeAddress(row);
    this.#here.addAddress({ link: address.link, address: address.address, length: address.length });
  }

  async deleteAddress(address: InterfaceAddress): Promise<void> {
    checkAddress(address);
    this.#enter("deleteAddress", `remove address ${address.address}/${address.length} from ${address.link}`);
    if (this.#here.addresses.some((row) => sameAddress(row, address))) this.#here.removeAddress(address);
  }

  async listRoutes(filter: { readonly protocol?: number } = {}): Promise<readonly Route[]> {
    this.#enter("listRoutes", "list routes");
    return this.#here.routes
      .filter((route) => filter.protocol === undefined || route.protocol === filter.protocol)
      .toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  }

  async replaceRoute(route: Route): Promise<void> {
    checkRoute(route);
    const task = `set route ${routeText(route)}`;
    this.#enter("replaceRoute", task);
    if (route.link !== undefined && !this.#require(route.link, task).up) throw this.#refusal(task, "ENETDOWN");
    const link = route.nextHop === undefined ? route.link : this.#here.linkTowards(route.nextHop, route.link);
    if (link === undefined) throw this.#refusal(task, route.prefix.includes(":") ? "EHOSTUNREACH" : "ENETUNREACH");
    if (route.source !== undefined && !this.#here.addresses.some(({ address }) => address === route.source)) {
      throw this.#refusal(task, "EINVAL");
    }
    const { scope, ...rest } = route;
    const v6 = route.prefix.includes(":");
    this.#here.putRoute({
      ...rest,
      link,
      ...(v6 || scope === undefined || scope === defaultScope(route) ? {} : { scope }),
    });
  }

  async deleteRoute(route: Route): Promise<void> {
    checkRoute(route);
    this.#enter("deleteRoute", `remove route ${routeText(route)}`);
    this.#here.removeRoutes(
      (row) =>
        sameRoute(row, route) &&
        row.protocol === route.protocol &&
        (route.link === undefined || route.link === row.link) &&
        (route.nextHop === undefined || route.nextHop === row.nextHop),
    );
  }

  async listNeighbours(link?: string): Promise<readonly Neighbour[]> {
    this.#enter("listNeighbours", "list neighbours");
    return this.#here.neighbours.filter((neighbour) => link === undefined || neighbour.link === link);
  }

  async replaceNeighbour(neighbour: Neighbour): Promise<void> {
    checkNeighbour(neighbour);
    const task = `set neighbour ${neighbour.address} on ${neighbour.link}`;
    this.#enter("replaceNeighbour", task);
    if (!this.#require(neighbour.link, task).up) throw this.#refusal(task, "ENETDOWN");
    const { link, address, mac, state } = neighbour;
    this.#here.putNeighbour({ link, address, mac, state });
  }

  async deleteNeighbour(neighbour: Neighbour): Promise<void> {
    this.#enter("deleteNeighbour", `remove neighbour ${neighbour.address} from ${neighbour.link}`);
    this.#here.removeNeighbour(neighbour);
  }

  async disableOffloads(link: string): Promise<void> {
    const task = `turn offloads of link ${link} off`;
    this.#enter("disableOffloads", task);
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
    this.#enter("enter", `enter network namespace ${namespacePath}`);
    return new FakeKernel(this.#machine, this.#namespace(namespacePath));
  }

  async close(): Promise<void> {
    for (const watch of this.#watches) watch.end();
  }

  /** Where each operation begins: a failure that a test ordered strikes here. */
  #enter(operation: KernelOperation, task: string): void {
    const index = this.#machine.failures.findIndex((failure) => failure.operation === operation);
    const [failure] = index < 0 ? [] : this.#machine.failures.splice(index, 1);
    if (failure !== undefined) throw this.#refusal(task, failure.errnoName);
  }

  #refusal(task: string, name: string): KernelError {
    const errno = errnoNumber(name);
    assert(errno !== undefined, `${name} is the name of an errno`);
    return new KernelError({ task, errno });
  }

  #namespace(path: string): FakeNamespace {
    const namespace = this.#machine.namespaces.get(path);
    if (namespace !== undefined) return namespace;
    if (this.#machine.files.has(path))
      throw new HoldfastError("invalid_argument", `${path} is not a network namespace`);
    throw new HoldfastError("not_found", `there is no network namespace ${path}: no such file`);
  }

  #require(name: string, task: string): FakeLink {
    const link = this.#here.link(name);
    if (link === undefined) throw noSuchLink(task);
    return link;
  }

  #setUp(link: FakeLink, up: boolean): void {
    if (link.up === up) return;
    link.namespace.setUp(link, up);
    link.namespace.tellLink(link);
    if (link.peer?.up) link.peer.namespace.tellLink(link.peer); // its carrier has changed
  }

  #destroy(link: FakeLink): void {
    link.namespace.take(link);
    if (link.peer !== undefined) link.peer.namespace.take(link.peer);
  }

  #nextMac(): MacAddress {
    const number = ++this.#machine.lastMac;
    return MacAddress.fromBytes(Uint8Array.of(0x02, 0xfa, 0xce, 0, number >> 8, number & 0xff));
  }
}

function peerDifference(near: FakeLink, options: VethOptions, there: FakeNamespace): string | undefined {
  const far = near.peer;
  if (far?.namespace !== there || far.name !== options.peer) return `its other end is not ${options.peer}`;
  if (options.peerMac !== undefined && far.mac !== options.peerMac) return `its other end has MAC ${far.mac}`;
  return undefined;
}
