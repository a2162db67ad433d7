import { assert } from "@holdfast/core";

import { checkLinkChange, checkLinkName, checkVeth, nameTaken, noSuchLink } from "./checks.ts";
import {
  createVethRequest,
  decodeLink,
  decodeNamespaceId,
  deleteLinkRequest,
  getLinkRequest,
  getNamespaceIdRequest,
  type LinkRecord,
  listLinksRequest,
  setLinkRequest,
} from "./codec/link.ts";
import type { Outcome, Request } from "./codec/message.ts";
import type { Link, LinkChange, VethOptions } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { Errno, libc } from "./libc.ts";
import { linkIndex } from "./link-names.ts";
import { openNamespace, withNamespaceFd } from "./namespaces.ts";
import { NetlinkSocket } from "./netlink-socket.ts";
import type { SlowLane } from "./slow-lane.ts";

/** How requests reach the kernel: at once, or by way of another thread. */
export type Transact = (requests: readonly Request[]) => readonly Outcome[] | Promise<readonly Outcome[]>;

export function listLinks(socket: NetlinkSocket): Link[] {
  return socket.dump("list links", listLinksRequest(), (body) => decodeLink(body).link);
}

export function findLink(socket: NetlinkSocket, name: string): LinkRecord | undefined {
  checkLinkName(name);
  // That there is none is heard without waiting for whoever changes links.
  if (linkIndex(socket.fd, name) === undefined) return undefined;
  const answer = socket.get(getLinkRequest(name));
  if ("body" in answer) return decodeLink(answer.body);
  if (answer.errno === Errno.ENODEV) return undefined;
  throw new KernelError({ task: `read link ${name}`, ...answer });
}

/** All steps, creation, alias and settings, go in one datagram: a process that dies leaves all or nothing. */
export async function createVeth(socket: NetlinkSocket, options: VethOptions, transact: Transact): Promise<void> {
  checkVeth(options);
  const { name, peer, peerNamespace: path } = options;
  const peerNamespace = path === undefined ? undefined : openNamespace(path);
  try {
    if (adopt(socket, options, peerNamespace)) return;
    const answer = transact(birthRequests(options, peerNamespace));
    const [created, labelled] = Array.isArray(answer) ? answer : await answer;
    assert(created !== undefined, "every request has an outcome");
    if (created.errno === Errno.EEXIST) {
      // Somebody was faster, or the other end's name is taken.
      if (adopt(socket, options, peerNamespace)) return;
      throw nameTaken(options, peer, "is not its other end");
    }
    accept(`create veth ${name} with peer ${peer}`, created);
    if (labelled !== undefined && labelled.errno !== 0) {
      socket.transact([deleteLinkRequest(name)]);
      throw new KernelError({ task: `set alias and settings of veth ${name}`, ...labelled });
    }
  } finally {
    if (peerNamespace !== undefined) libc.close(peerNamespace);
  }
}

function birthRequests(options: VethOptions, peerNamespace: number | undefined): readonly Request[] {
  const { name, mac, peer, peerMac, mtu, alias, ipv4, up = false } = options;
  const isSetLater = alias !== undefined || ipv4 !== undefined;
  const request = createVethRequest({
    name,
    peer,
    mtu,
    up: up && !isSetLater,
    ...(mac === undefined ? {} : { mac }),
    ...(peerMac === undefined ? {} : { peerMac }),
    ...(peerNamespace === undefined ? {} : { peerNamespace }),
  });
  return isSetLater ? [request, labelRequest(options)] : [request];
}

function labelRequest({ name, alias, ipv4, up = false }: VethOptions): Request {
  return setLinkRequest({
    index: 0,
    name,
    ...(alias === undefined ? {} : { alias }),
    ...(ipv4 === undefined ? {} : { ipv4 }),
    ...(up ? { up } : {}),
  });
}

export async function setLink(socket: NetlinkSocket, lane: SlowLane, name: string, change: LinkChange): Promise<void> {
  checkLinkChange(name, change);
  if (change.namespace === undefined) {
    transactOne(socket, `set link ${name}`, changeRequest(socket, name, change));
    return;
  }
  const namespace = openNamespace(change.namespace);
  try {
    const request = changeRequest(socket, name, change, namespace);
    const task = `move link ${name} to ${change.namespace}`;
    accept(task, await lane.run(request));
  } finally {
    libc.close(namespace);
  }
}

function changeRequest(socket: NetlinkSocket, name: string, change: LinkChange, namespace?: number): Request {
  const index = linkIndex(socket.fd, name);
  if (index === undefined) throw noSuchLink(`set link ${name}`);
  const { up, mtu, mac, alias, group } = change;
  return setLinkRequest({
    index,
    ...(group === undefined ? {} : { group }),
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(up === undefined ? {} : { up }),
    ...(mtu === undefined ? {} : { mtu }),
    ...(mac === undefined ? {} : { mac }),
    ...(alias === undefined ? {} : { alias }),
    ...(namespace === undefined ? {} : { namespace }),
    ...(change.master === undefined ? {} : { master: masterIndex(socket, name, change.master) }),
  });
}

export async function deleteLink(lane: SlowLane, name: string): Promise<void> {
  checkLinkName(name);
  const outcome = await lane.deleteLink(name);
  if (outcome.errno !== Errno.ENODEV) accept(`delete link ${name}`, outcome);
}

/** One request; outcomes in `fine` are successes, too. Tells whether the kernel did it. */
export function transactOne(
  socket: NetlinkSocket,
  task: string,
  request: Request,
  fine: readonly number[] = [],
): boolean {
  const [outcome] = socket.transact([request]);
  assert(outcome !== undefined, "every request has an outcome");
  if (fine.includes(outcome.errno)) return false;
  accept(task, outcome);
  return true;
}

function accept(task: string, outcome: Outcome): void {
  if (outcome.errno !== 0) throw new KernelError({ task, ...outcome });
}

function masterIndex(socket: NetlinkSocket, name: string, master: string | null): number {
  if (master === null) return 0;
  checkLinkName(master);
  const index = linkIndex(socket.fd, master);
  if (index === undefined) throw noSuchLink(`make link ${name} a member of ${master}`);
  return index;
}

/** Whether the veth is there as it shall be; only up is still set. @throws HoldfastError `already_exists` naming the difference. */
function adopt(socket: NetlinkSocket, options: VethOptions, peerNamespace: number | undefined): boolean {
  const found = findLink(socket, options.name);
  if (found === undefined) return false;
  const difference = vethDifference(found.link, options) ?? peerDifference(socket, found, options, peerNamespace);
  if (difference !== undefined) throw nameTaken(options, options.name, difference);
  if (options.up && !found.link.up) {
    transactOne(socket, `set link ${options.name} up`, setLinkRequest({ index: found.link.index, up: true }));
  }
  return true;
}

/** In words, what of the near end is not as asked. */
export function vethDifference(link: Link, options: VethOptions): string | undefined {
  if (link.kind !== "veth") return `is of kind ${link.kind ?? "hardware"}`;
  if (link.mtu !== options.mtu) return `has MTU ${link.mtu} instead of ${options.mtu}`;
  if (options.alias !== undefined && link.alias !== options.alias) {
    return `has ${link.alias === undefined ? "no alias" : `alias ${JSON.stringify(link.alias)}`}`;
  }
  return undefined;
}

function peerDifference(
  socket: NetlinkSocket,
  near: LinkRecord,
  options: VethOptions,
  peerNamespace: number | undefined,
): string | undefined {
  const far = peerNamespace === undefined ? findLink(socket, options.peer) : findLinkIn(peerNamespace, options.peer);
  const expectedId = peerNamespace === undefined ? undefined : namespaceId(socket, peerNamespace);
  if (far === undefined || far.link.index !== near.link.peer || near.peerNamespaceId !== expectedId) {
    return `its other end is not ${options.peer}${options.peerNamespace ? ` in ${options.peerNamespace}` : ""}`;
  }
  if (options.peerMac !== undefined && far.link.mac !== options.peerMac) {
    return `its other end has MAC ${far.link.mac}`;
  }
  return undefined;
}

function findLinkIn(namespace: number, name: string): LinkRecord | undefined {
  const socket = withNamespaceFd(namespace, () => new NetlinkSocket());
  try {
    return findLink(socket, name);
  } finally {
    socket.close();
  }
}

function namespaceId(socket: NetlinkSocket, namespace: number): number | undefined {
  const answer = socket.get(getNamespaceIdRequest(namespace));
  if ("body" in answer) return decodeNamespaceId(answer.body);
  throw new KernelError({ task: "find the id of a network namespace", ...answer });
}
