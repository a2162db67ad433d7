import { checkLinkName, noSuchLink } from "../checks.ts";
import { createIfbRequest, setLinkRequest } from "../codec/link.ts";
import { attempt, KernelError } from "../kernel-error.ts";
import { Errno } from "../libc.ts";
import { linkIndex, linkName } from "../link-names.ts";
import { findLink, transactOne } from "../links.ts";
import { startThreadPool, withNamespace } from "../namespaces.ts";
import { NetlinkSocket } from "../netlink-socket.ts";
import {
  decodeClass,
  decodeQdisc,
  deleteClassRequest,
  deleteRootQdiscRequest,
  getRootQdiscRequest,
  listClassesRequest,
  setClassRequest,
  setQdiscRequest,
} from "./codec.ts";
import {
  decodeRedirect,
  deleteRedirectRequest,
  ingressQdiscRequest,
  listFiltersRequest,
  redirectRequest,
} from "./redirect-codec.ts";
import type { ClassId, IfbOptions, IngressRedirect, Qdisc, TrafficClass, TrafficControl } from "./traffic-control.ts";

/**
 * Queueing disciplines of a network namespace; absent: of this one. Every operation is done when its function returns. Needs CAP_NET_ADMIN.
 *
 * @throws HoldfastError `not_found`, `invalid_argument` when there is no such namespace.
 */
export async function createTrafficControl(namespace?: string): Promise<TrafficControl> {
  await startThreadPool();
  const open = () => new NetlinkSocket();
  const socket = attempt("open a netlink socket", () =>
    namespace === undefined ? open() : withNamespace(namespace, open),
  );
  return new RtnetlinkTraffic(socket);
}

class RtnetlinkTraffic implements TrafficControl {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  /** Both steps go in one datagram: a process that dies leaves a link that says whose it is, or none. */
  createIfb({ name, alias }: IfbOptions): void {
    const task = `create ifb ${name}`;
    const found = findLink(this.#socket, name)?.link;
    if (found !== undefined && found.kind !== "ifb") {
      const explanation = `there is one of kind ${found.kind ?? "hardware"}`;
      throw new KernelError({ task, errno: Errno.EEXIST, explanation });
    }
    const label = setLinkRequest({ index: found?.index ?? 0, name, alias, up: true });
    const requests = found === undefined ? [createIfbRequest(name), label] : [label];
    const refused = this.#socket.transact(requests).find(({ errno }) => errno !== 0);
    if (refused !== undefined) throw new KernelError({ task, ...refused });
  }

  rootQdisc(link: string): Qdisc | undefined {
    const index = linkIndex(this.#socket.fd, link);
    if (index === undefined) return undefined;
    const answer = this.#socket.get(getRootQdiscRequest(index));
    if ("body" in answer) {
      const record = decodeQdisc(answer.body);
      return record && { link, ...record };
    }
    // The kernel does not show what queues nothing.
    if (NONE.has(answer.errno)) return undefined;
    throw new KernelError({ task: `read the qdisc of ${link}`, ...answer });
  }

  setQdisc(qdisc: Qdisc): void {
    const { link, ...record } = qdisc;
    const task = `set qdisc ${record.kind} of ${link}`;
    const index = this.#require(link, task);
    // The kernel cannot change an HTB itself.
    if (record.kind === "htb" && isSameTree(this.rootQdisc(link), qdisc)) return;
    transactOne(this.#socket, task, setQdiscRequest(index, record));
  }

  deleteRootQdisc(link: string): void {
    const index = linkIndex(this.#socket.fd, link);
    if (index === undefined) return;
    transactOne(this.#socket, `remove the qdisc of ${link}`, deleteRootQdiscRequest(index), [...NONE]);
  }

  listClasses(link: string): readonly TrafficClass[] {
    const index = linkIndex(this.#socket.fd, link);
    if (index === undefined) return [];
    const records = this.#socket.dump(`list classes of ${link}`, listClassesRequest(index), decodeClass);
    return records.map((record) => ({ link, ...record }));
  }

  setClass({ link, ...record }: TrafficClass): void {
    const task = `set class ${record.id.qdisc.toString(16)}:${record.id.minor.toString(16)} of ${link}`;
    transactOne(this.#socket, task, setClassRequest(this.#require(link, task), record));
  }

  deleteClass(link: string, id: ClassId): void {
    const index = linkIndex(this.#socket.fd, link);
    if (index === undefined) return;
    const task = `remove class ${id.qdisc.toString(16)}:${id.minor.toString(16)} of ${link}`;
    transactOne(this.#socket, task, deleteClassRequest(index, id), [...NONE]);
  }

  redirectIngress({ from, to }: IngressRedirect): void {
    const task = `redirect what comes in at ${from} to ${to}`;
    const [index, target] = [this.#require(from, task), this.#require(to, task)];
    const present = this.#redirects(from, index);
    if (present.length === 1 && present[0] === target) return;
    transactOne(this.#socket, task, ingressQdiscRequest(index), [Errno.EEXIST]);
    if (present.length > 0) transactOne(this.#socket, task, deleteRedirectRequest(index), [...NONE]);
    transactOne(this.#socket, task, redirectRequest(index, target));
  }

  ingressTarget(link: string): string | undefined {
    const index = linkIndex(this.#socket.fd, link);
    const target = index === undefined ? undefined : this.#redirects(link, index)[0];
    return target === undefined ? undefined : linkName(this.#socket.fd, target);
  }

  close(): void {
    this.#socket.close();
  }

  #redirects(link: string, index: number): readonly number[] {
    return this.#socket.dump(`list filters of ${link}`, listFiltersRequest(index), decodeRedirect);
  }

  #require(link: string, task: string): number {
    checkLinkName(link);
    const index = linkIndex(this.#socket.fd, link);
    if (index === undefined) throw noSuchLink(task);
    return index;
  }
}

function isSameTree(found: Qdisc | undefined, wanted: Qdisc): boolean {
  if (found?.kind !== "htb" || wanted.kind !== "htb") return false;
  return found.handle === wanted.handle && found.defaultMinor === wanted.defaultMinor;
}

const NONE: ReadonlySet<number> = new Set([Errno.ENOENT, Errno.EINVAL, Errno.ENODEV]);
