import { assert } from "@holdfast/core";

import { BatchLane } from "./batch-lane.ts";
import { applyChanges } from "./changes.ts";
import type { EventQueue } from "./event-queue.ts";
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
} from "./kernel.ts";
import { attempt } from "./kernel-error.ts";
import { createVeth, deleteLink, findLink, listLinks, setLink, type Transact } from "./links.ts";
import { startThreadPool, withNamespace } from "./namespaces.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import { disableOffloads } from "./offloads.ts";
import { SlowLane } from "./slow-lane.ts";
import {
  deleteAddress,
  deleteNeighbour,
  deleteRoute,
  listAddresses,
  listNeighbours,
  listRoutes,
  replaceAddress,
  replaceNeighbour,
  replaceRoute,
} from "./tables.ts";
import { type NamespaceWatch, watchNamespace } from "./watch.ts";

export interface KernelOptions {
  /** Bytes of events that may wait in the kernel for each watch before it tells of an overrun; absent: 8 MiB. */
  readonly watchBufferBytes?: number;
  /** Whether others wait for this thread ({@link ThreadLoad}). Absent: nobody ever does. */
  readonly isBusy?: () => boolean;
}

const WATCH_BUFFER_BYTES = 8 * 1024 * 1024;

/**
 * The kernel of this machine, in the namespace of the process. Needs CAP_NET_ADMIN for changes and CAP_SYS_ADMIN
 * for other namespaces.
 *
 * An open one keeps its namespace alive, so close what `enter` gave as soon as its work is done.
 */
export async function createKernel(options: KernelOptions = {}): Promise<Kernel> {
  await startThreadPool();
  const socket = attempt("open a netlink socket", () => new NetlinkSocket());
  return new RtnetlinkKernel(socket, options);
}

/**
 * Every operation is done when its function returns: the kernel works within send(2). So operations take effect in the order of
 * their calls, awaited or not. The exceptions, which run beside: removing a link and moving one to another namespace, which keep the kernel busy for
 * 20 ms; and, while others wait for this thread, making a veth and applying several changes.
 */
class RtnetlinkKernel implements Kernel {
  readonly #socket: NetlinkSocket;
  readonly #lane: SlowLane;
  readonly #batches: BatchLane;
  readonly #options: KernelOptions;
  readonly #queues = new Set<EventQueue<KernelEvent>>();
  /** While anybody follows. */
  #watch: NamespaceWatch | undefined;
  #closed = false;

  constructor(socket: NetlinkSocket, options: KernelOptions) {
    this.#socket = socket;
    this.#lane = new SlowLane(socket);
    this.#batches = new BatchLane(socket);
    this.#options = options;
  }

  async listLinks(): Promise<readonly Link[]> {
    return listLinks(this.#open());
  }

  async getLink(name: string): Promise<Link | undefined> {
    return findLink(this.#open(), name)?.link;
  }

  async createVeth(options: VethOptions): Promise<void> {
    await createVeth(this.#open(), options, this.#transact);
  }

  async setLink(name: string, change: LinkChange): Promise<void> {
    await setLink(this.#open(), this.#lane, name, change);
  }

  async deleteLink(name: string): Promise<void> {
    this.#open();
    await deleteLink(this.#lane, name);
  }

  async listAddresses(link?: string): Promise<readonly InterfaceAddress[]> {
    return listAddresses(this.#open(), link);
  }

  async replaceAddress(address: InterfaceAddress): Promise<void> {
    replaceAddress(this.#open(), address);
  }

  async deleteAddress(address: InterfaceAddress): Promise<void> {
    deleteAddress(this.#open(), address);
  }

  async listRoutes(filter: RouteFilter = {}): Promise<readonly Route[]> {
    return listRoutes(this.#open(), filter);
  }

  async replaceRoute(route: Route): Promise<void> {
    replaceRoute(this.#open(), route);
  }

  async deleteRoute(route: Route): Promise<void> {
    deleteRoute(this.#open(), route);
  }

  async apply(changes: readonly KernelChange[]): Promise<void> {
    await applyChanges(this.#open(), changes, this.#transact);
  }

  async listNeighbours(link?: string): Promise<readonly Neighbour[]> {
    return listNeighbours(this.#open(), link);
  }

  async replaceNeighbour(neighbour: Neighbour): Promise<void> {
    replaceNeighbour(this.#open(), neighbour);
  }

  async deleteNeighbour(neighbour: Neighbour): Promise<void> {
    deleteNeighbour(this.#open(), neighbour);
  }

  async disableOffloads(link: string): Promise<void> {
    disableOffloads(this.#open().fd, link);
  }

  watch(signal: AbortSignal): AsyncIterable<KernelEvent> {
    const stop = (): void => queue.end();
    this.#watch ??= watchNamespace(this.#open(), {
      bufferBytes: this.#options.watchBufferBytes ?? WATCH_BUFFER_BYTES,
      onIdle: () => {
        this.#watch = undefined;
      },
    });
    const queue = this.#watch.follow(() => {
      signal.removeEventListener("abort", stop);
      this.#queues.delete(queue);
    });
    this.#queues.add(queue);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    return queue;
  }

  async enter(namespacePath: string): Promise<Kernel> {
    this.#open();
    const socket = attempt(`enter network namespace ${namespacePath}`, () =>
      withNamespace(namespacePath, () => new NetlinkSocket()),
    );
    return new RtnetlinkKernel(socket, this.#options);
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    for (const queue of this.#queues) queue.end();
    await this.#lane.close();
    await this.#batches.close();
    this.#socket.close();
  }

  /** At once; on another thread while others wait for this one. */
  readonly #transact: Transact = (requests) => {
    return this.#options.isBusy?.() === true ? this.#batches.transact(requests) : this.#socket.transact(requests);
  };

  #open(): NetlinkSocket {
    assert(!this.#closed, "a kernel is not used after close()");
    return this.#socket;
  }
}
