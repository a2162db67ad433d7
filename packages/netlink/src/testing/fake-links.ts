import { nameTaken, noSuchLink } from "../checks.ts";
import type { LinkChange, VethOptions } from "../kernel.ts";
import { vethDifference } from "../links.ts";
import { type FakeMachine, refusal } from "./fake-machine.ts";
import { type FakeLink, type FakeNamespace, observe } from "./fake-namespace.ts";

/** Makes a veth whose other end is born `there`, or accepts the one that is as asked. */
export function createVeth(
  machine: FakeMachine,
  here: FakeNamespace,
  there: FakeNamespace,
  options: VethOptions,
): void {
  const { name, peer, mtu, alias, up = false } = options;
  const found = here.link(name);
  if (found !== undefined) {
    const difference = vethDifference(observe(found), options) ?? peerDifference(found, options, there);
    if (difference !== undefined) throw nameTaken(options, name, difference);
    if (up) setUp(found, true);
    return;
  }
  if (there.link(peer) !== undefined) throw nameTaken(options, peer, "is not its other end");
  const far = there.add({ name: peer, mtu, kind: "veth", mac: options.peerMac ?? machine.nextMac(), near: false });
  far.macChosen = options.peerMac !== undefined;
  const near = here.add({ name, mtu, kind: "veth", mac: options.mac ?? machine.nextMac() });
  near.macChosen = options.mac !== undefined;
  near.peer = far;
  far.peer = near;
  near.alias = alias;
  there.tellLink(far);
  here.tellLink(near);
  if (up) setUp(near, true);
}

/** Changes what is named, after a move when `there` is another namespace. */
export function setLink(here: FakeNamespace, there: FakeNamespace, name: string, change: LinkChange): void {
  const task = `set link ${name}`;
  const link = requireLink(here, name, task);
  const master = change.master == null ? undefined : requireLink(here, change.master, task);
  const newName = change.name ?? name;
  if ((newName !== name || there !== here) && there.link(newName) !== undefined) {
    throw refusal(task, "EEXIST");
  }
  if (there !== here) {
    here.take(link);
    if (link.peer?.namespace !== undefined) link.peer.namespace.tellLink(link.peer);
    there.put(link);
  }
  there.rename(link, newName);
  if (change.mtu !== undefined) link.mtu = change.mtu;
  if (change.alias !== undefined) link.alias = change.alias;
  if (change.group !== undefined) link.group = change.group;
  if (change.master !== undefined) link.master = master;
  if (change.mac !== undefined && change.mac !== link.mac) {
    link.mac = change.mac;
    link.macChosen = true;
    there.forgetNeighbours(link);
  }
  there.tellLink(link);
  if (change.up !== undefined) setUp(link, change.up);
}

export function deleteLink(here: FakeNamespace, name: string): void {
  const link = here.link(name);
  if (link === undefined) return;
  if (link.kind === undefined) throw refusal(`delete link ${name}`, "EOPNOTSUPP");
  destroyLink(link);
}

/** A veth goes with its other end. */
export function destroyLink(link: FakeLink): void {
  link.namespace.take(link);
  if (link.peer !== undefined) link.peer.namespace.take(link.peer);
}

export function requireLink(here: FakeNamespace, name: string, task: string): FakeLink {
  const link = here.link(name);
  if (link === undefined) throw noSuchLink(task);
  return link;
}

function setUp(link: FakeLink, up: boolean): void {
  if (link.up === up) return;
  link.namespace.setUp(link, up);
  link.namespace.tellLink(link);
  if (link.peer?.up) link.peer.namespace.tellLink(link.peer); // its carrier has changed
}

function peerDifference(near: FakeLink, options: VethOptions, there: FakeNamespace): string | undefined {
  const far = near.peer;
  if (far?.namespace !== there || far.name !== options.peer) return `its other end is not ${options.peer}`;
  if (options.peerMac !== undefined && far.mac !== options.peerMac) return `its other end has MAC ${far.mac}`;
  return undefined;
}
