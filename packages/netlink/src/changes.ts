import { assert, IpAddress } from "@holdfast/core";
import { checkAddress, checkLinkName, checkRoute, noSuchLink } from "./checks.ts";
import { createAddressRequest } from "./codec/address.ts";
import { setLinkRequest } from "./codec/link.ts";
import type { Outcome, Request } from "./codec/message.ts";
import { replaceRouteRequest } from "./codec/route.ts";
import type { KernelChange } from "./kernel.ts";
import { KernelError } from "./kernel-error.ts";
import { Errno } from "./libc.ts";
import { linkIndex } from "./link-names.ts";
import type { Transact } from "./links.ts";
import type { NetlinkSocket } from "./netlink-socket.ts";
import { addressTask, replaceAddress, routeTask } from "./tables.ts";

interface Step {
  readonly task: string;
  readonly request: Request;
  /** What an outcome that is no plain success means: done all the same, or an error. */
  readonly settle?: (outcome: Outcome) => boolean;
}

/** In one datagram, in their order. Those after one that is refused are tried, too. @throws KernelError the first refusal. */
export async function applyChanges(
  socket: NetlinkSocket,
  changes: readonly KernelChange[],
  transact: Transact,
): Promise<void> {
  const indices = new Map<string, number>();
  const indexOf = (link: string, task: string): number => {
    const index = indices.get(link) ?? linkIndex(socket.fd, link);
    if (index === undefined) throw noSuchLink(task);
    indices.set(link, index);
    return index;
  };
  const steps = changes.map((change) => stepOf(socket, change, indexOf));
  const outcomes = await transact(steps.map(({ request }) => request));
  for (const [number, { task, settle }] of steps.entries()) {
    const outcome = outcomes[number];
    assert(outcome !== undefined, "every request has an outcome");
    if (outcome.errno !== 0 && settle?.(outcome) !== true) throw new KernelError({ task, ...outcome });
  }
}

function stepOf(socket: NetlinkSocket, change: KernelChange, indexOf: (link: string, task: string) => number): Step {
  switch (change.kind) {
    case "up": {
      checkLinkName(change.link);
      const task = `set link ${change.link} up`;
      return { task, request: setLinkRequest({ index: indexOf(change.link, task), up: true }) };
    }
    case "address": {
      checkAddress(change.address);
      const { link, ...row } = change.address;
      const task = addressTask(change.address);
      const settle = ({ errno }: Outcome): boolean => {
        if (errno !== Errno.EEXIST) return false;
        // Perhaps with another length.
        if (IpAddress.family(row.address) === "v6") replaceAddress(socket, change.address);
        return true;
      };
      return { task, request: createAddressRequest({ ...row, index: indexOf(link, task) }), settle };
    }
    case "route": {
      checkRoute(change.route);
      const { link, ...row } = change.route;
      const task = routeTask(change.route);
      const place = link === undefined ? {} : { index: indexOf(link, task) };
      return { task, request: replaceRouteRequest({ ...row, ...place }) };
    }
  }
}
