import { Cidr, HoldfastError, type IpAddress, isHoldfastError, type Name } from "@holdfast/core";
import type { AddressPool, AllocateRequest } from "@holdfast/ipam";
import type { Subnet } from "@holdfast/model";
import type { StoredNetwork } from "../state/records.ts";

/** Allocates from all subnets but those that are being drained or removed. @throws HoldfastError `pool_exhausted`, `conflict`. */
export function allocateOpen(
  pool: AddressPool,
  record: StoredNetwork | undefined,
  { prefix, ...wanted }: Omit<AllocateRequest, "subnet"> & { readonly prefix?: Cidr | undefined },
): IpAddress {
  const { family, within } = wanted;
  if (record === undefined || isAllOpen(record)) return pool.allocate({ ...wanted, subnet: prefix }).address;
  const candidates = record.subnets
    .filter((one) => Cidr.family(one.prefix) === family)
    .filter((one) => within === undefined || Cidr.contains(one.prefix, within.first));
  const asked = prefix === undefined ? candidates : candidates.filter((one) => one.prefix === prefix);
  const closed = asked.filter((subnet) => isClosed(record, subnet));
  if (prefix !== undefined && closed[0] !== undefined) throw closedError(closed[0], `subnet ${prefix}`);
  let exhausted: HoldfastError | undefined;
  for (const subnet of asked) {
    if (closed.includes(subnet)) continue;
    try {
      return pool.allocate({ ...wanted, subnet: subnet.prefix }).address;
    } catch (error) {
      // Its owner may have ranges in other subnets only.
      if (isHoldfastError(error, "not_found")) continue;
      if (!isHoldfastError(error, "pool_exhausted")) throw error;
      exhausted = error;
    }
  }
  if (exhausted !== undefined) throw exhausted;
  const which = closed.map((subnet) => `${subnet.prefix} ${stateText(subnet)}`).join(", ");
  throw new HoldfastError("pool_exhausted", `no ${family} address is free: ${which}; add a subnet or undrain one`, {
    details: { family, reason: "draining" },
  });
}

/** The subnet with this address when it gives no new ones; undefined: it does. */
export function closedSubnetOf(record: StoredNetwork | undefined, address: IpAddress): Subnet | undefined {
  if (record === undefined || isAllOpen(record)) return undefined;
  return record.subnets.find((subnet) => isClosed(record, subnet) && Cidr.contains(subnet.prefix, address));
}

/**
 * Of a subnet that is being drained, only a node may still give addresses, from a block that it was leased before: it has given them already.
 *
 * @throws HoldfastError `conflict`: the address is of a subnet that is being drained; `address_out_of_range`: of one that is being removed.
 */
export function refuseClosed(record: StoredNetwork | undefined, address: IpAddress, giver: Name | undefined): void {
  const subnet = closedSubnetOf(record, address);
  if (subnet === undefined || (giver !== undefined && record?.closing?.includes(subnet.prefix) !== true)) return;
  throw closedError(subnet, `${address} is in subnet ${subnet.prefix}, which`);
}

/** Prefixes that give new addresses. */
export function openPrefixes(record: StoredNetwork | undefined): readonly Cidr[] {
  if (record === undefined) return [];
  return record.subnets.filter((subnet) => !isClosed(record, subnet)).map(({ prefix }) => prefix);
}

function closedError(subnet: Subnet, subject: string): HoldfastError {
  const [code, reason, remedy] =
    subnet.draining === undefined
      ? (["address_out_of_range", "removed", "take another"] as const)
      : (["conflict", "draining", "take another, or undrain the subnet"] as const);
  return new HoldfastError(code, `${subject} ${stateText(subnet)} and gives no new addresses; ${remedy}`, {
    details: { subnet: subnet.prefix, reason },
  });
}

function stateText({ draining }: Subnet): string {
  return draining === undefined ? "is being removed" : `is being drained since ${draining.since}`;
}

function isAllOpen(record: StoredNetwork): boolean {
  return record.closing === undefined && !record.subnets.some(({ draining }) => draining !== undefined);
}

function isClosed(record: StoredNetwork, { prefix, draining }: Subnet): boolean {
  return draining !== undefined || record.closing?.includes(prefix) === true;
}
