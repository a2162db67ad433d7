import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import type { InterfaceAddress, LinkChange, Neighbour, Route, VethOptions } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { Errno } from "./libc.ts";

const NAME_BYTES = 15; // IFNAMSIZ less the closing zero byte
const ALIAS_BYTES = 255; // IFALIASZ less the closing zero byte
const MAX_U32 = 0xffffffff;

/**
 * Refuses what no kernel takes as the name of a link (dev_valid_name): 1 to 15 bytes, no slash, colon or space, not `.` or `..`.
 * And no percent sign, which the kernel would take for a pattern to fill in.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function checkLinkName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes >= 1 && bytes <= NAME_BYTES && !/[/:%\s\0]/.test(name) && name !== "." && name !== "..") return;
  throw invalid(
    `not a name of a link: ${JSON.stringify(name)}; use 1 to 15 bytes without slash, colon, percent or space`,
  );
}

export function checkVeth(options: VethOptions): void {
  checkLinkName(options.name);
  checkLinkName(options.peer);
  if (options.name === options.peer && options.peerNamespace === undefined) {
    throw invalid(`both ends of a veth cannot be ${options.name} in one namespace`);
  }
  checkMtu(options.mtu);
  if (options.alias !== undefined) checkAlias(options.alias);
}

export function checkLinkChange(name: string, change: LinkChange): void {
  checkLinkName(name);
  if (change.name !== undefined) checkLinkName(change.name);
  if (change.alias !== undefined) checkAlias(change.alias);
  if (change.mtu !== undefined) checkMtu(change.mtu);
  if (change.namespace !== undefined && typeof change.master === "string") {
    throw invalid(`link ${name} cannot move to another namespace and become a member of ${change.master} at once`);
  }
}

export function checkAddress({ link, address, length, scope }: InterfaceAddress): void {
  checkLinkName(link);
  const bits = IpAddress.bits(IpAddress.family(address));
  if (!Number.isInteger(length) || length < 0 || length > bits) {
    throw invalid(`prefix length ${length} of ${address} is not in 0 to ${bits}`);
  }
  if (scope !== undefined && bits !== 32)
    throw invalid(`the scope of ${address} is what the address says: leave it out`);
}

export function checkRoute(route: Route): void {
  const prefix = Cidr.parse(route.prefix);
  if (route.link !== undefined) checkLinkName(route.link);
  const leadsSomewhere = route.link !== undefined || route.nextHop !== undefined;
  if (route.type === undefined && !leadsSomewhere) throw invalid(`route ${prefix} has neither next hop nor link`);
  if (route.type !== undefined && leadsSomewhere) throw invalid(`an unreachable route ${prefix} leads nowhere`);
  if (route.nextHop !== undefined && Cidr.family(prefix) === "v6" && IpAddress.family(route.nextHop) === "v4") {
    throw invalid(`route ${prefix} cannot have an IPv4 next hop (${route.nextHop})`);
  }
  if (!Number.isInteger(route.protocol) || route.protocol < 0 || route.protocol > 255) {
    throw invalid(`protocol ${route.protocol} of route ${prefix} is not in 0 to 255`);
  }
  if (route.metric !== undefined && !isU32(route.metric)) {
    throw invalid(`metric ${route.metric} of route ${prefix} is not in 0 to ${MAX_U32}`);
  }
  if (route.mtu !== undefined) checkMtu(route.mtu);
}

export function checkNeighbour(neighbour: Neighbour): asserts neighbour is SettableNeighbour {
  checkLinkName(neighbour.link);
  if (neighbour.state === "other") {
    throw invalid(`neighbour ${neighbour.address} cannot be set to state other; use permanent, reachable or stale`);
  }
}

export type SettableNeighbour = Neighbour & { readonly state: "permanent" | "reachable" | "stale" };

/** A link that somebody needs is not there. */
export function noSuchLink(task: string): KernelError {
  return new KernelError({ task, errno: Errno.ENODEV });
}

/** A veth cannot be made because something else has the name. */
export function nameTaken(options: VethOptions, name: string, difference: string): HoldfastError {
  return new HoldfastError(
    "already_exists",
    `cannot create veth ${options.name}: a link ${name} is there and ${difference}; delete it or choose another name`,
    { details: { link: name } },
  );
}

function checkMtu(mtu: number): void {
  if (!isU32(mtu) || mtu === 0) throw invalid(`MTU ${mtu} is not a number of bytes`);
}

function checkAlias(alias: string): void {
  const bytes = Buffer.byteLength(alias);
  if (bytes > ALIAS_BYTES || alias.includes("\0")) {
    throw invalid(`an alias has at most ${ALIAS_BYTES} bytes and none is zero, not ${bytes} bytes`);
  }
}

function isU32(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= MAX_U32;
}

function invalid(message: string): HoldfastError {
  return new HoldfastError("invalid_argument", message);
}
