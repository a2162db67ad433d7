import { HoldfastError, type MacAddress } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import { endpointAlias, SPARE_ALIAS } from "../../links/link-alias.ts";
import { DEFAULT_MTU, type LinkRow } from "./tables/links.ts";

/** What makes a plugged link an endpoint's. */
export interface LinkOwner {
  readonly id: string;
  readonly mac: MacAddress;
  /** Bytes, of the end in the sandbox. */
  readonly mtu: number;
}

/** Gives a link that nobody has set anything on to an endpoint. */
export async function dressLink(kernel: Kernel, row: LinkRow, { id, mac, mtu }: LinkOwner): Promise<void> {
  // The alias first: whatever comes between, the next run knows whose it was.
  await kernel.setLink(row.name, { alias: endpointAlias(id), ...(mtu > DEFAULT_MTU ? { mtu } : {}) });
  await kernel.setLink(row.peer, { mac, mtu });
}

/**
 * Puts right what an endpoint's link differs in. What the sandbox has got is its own: only an end that is still here is compared.
 *
 * @throws HoldfastError `not_found`: the link is gone.
 */
export async function correctLink(kernel: Kernel, row: LinkRow, { id, mac, mtu }: LinkOwner): Promise<void> {
  const near = await kernel.getLink(row.name);
  const far = await kernel.getLink(row.peer);
  if (near === undefined) throw new HoldfastError("not_found", `interface ${row.name} of endpoint ${id} is gone`);
  const alias = endpointAlias(id);
  if (near.alias !== alias || near.mtu < mtu) {
    await kernel.setLink(row.name, { alias, mtu: Math.max(near.mtu, mtu) });
  }
  if (far === undefined || far.index !== near.peer || (far.mac === mac && far.mtu === mtu)) return;
  await kernel.setLink(row.peer, { mac, mtu });
}

/** Makes a link as it was when it was new; false when its far end is not here. Without `offloads` they are turned off, as on a new one. */
export async function cleanLink(
  kernel: Kernel,
  { name, peer }: LinkRow,
  { offloads }: { readonly offloads: boolean },
): Promise<boolean> {
  const [near, far] = [await kernel.getLink(name), await kernel.getLink(peer)];
  if (near === undefined || far === undefined || far.index !== near.peer) return false;
  await kernel.setLink(peer, { up: false, mtu: DEFAULT_MTU });
  if (!offloads) await kernel.disableOffloads(peer);
  await kernel.setLink(name, { alias: SPARE_ALIAS, ...(near.mtu === DEFAULT_MTU ? {} : { mtu: DEFAULT_MTU }) });
  return true;
}
