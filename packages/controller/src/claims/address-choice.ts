import { Cidr, type Family, HoldfastError, type Identity, IpAddress, type Name } from "@holdfast/core";
import { isInRange, MOST_CLAIM_ADDRESSES, type Range } from "@holdfast/model";
import { refuseSetAside } from "../blocks/block-drafts.ts";
import type { Platform } from "../platform.ts";
import { invalidField, ownerOf } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import type { NetworkState } from "../state/network-state.ts";
import { closedSubnetOf } from "./open-subnets.ts";
import { refuseQuarantined } from "./quarantine.ts";

/** Which addresses are wanted, as in {@link NewClaim}. */
export interface AddressWish {
  readonly identity: Identity;
  readonly addresses?: readonly IpAddress[] | undefined;
  readonly count?: number | undefined;
  readonly subnet?: Cidr | undefined;
  readonly range?: Range | undefined;
  readonly group?: Name | undefined;
  /** The node that asks, when one does. */
  readonly node?: Name | undefined;
}

/** A checked wish: either exact addresses, IPv4 first, or a count of each family. */
export type AddressPlan =
  | { readonly kind: "exact"; readonly addresses: readonly IpAddress[] }
  | { readonly kind: "chosen"; readonly families: readonly Family[]; readonly count: number };

/** How many addresses a plan takes. */
export function sizeOfPlan(plan: AddressPlan): number {
  return plan.kind === "exact" ? plan.addresses.length : plan.families.length * plan.count;
}

/** @throws HoldfastError `invalid_argument`, naming the field that contradicts the network or another one; `pool_exhausted`: it has no subnet. */
export function planAddresses(network: NetworkState, wish: AddressWish): AddressPlan {
  checkGroup(network, wish.group);
  if (wish.addresses !== undefined) return { kind: "exact", addresses: checkExact(wish.addresses, wish) };
  const families = familiesOf(network, wish);
  const { count = 1 } = wish;
  if (families.length * count > MOST_CLAIM_ADDRESSES) {
    const asked = `${count} addresses of each of ${families.length} families`;
    throw invalidField("count", `${asked} are more than ${MOST_CLAIM_ADDRESSES}, the most that a claim may have`);
  }
  return { kind: "chosen", families, count };
}

/**
 * Takes what was planned, all of it or nothing: exact addresses, those that the identity had a short while ago, or the next free ones.
 *
 * @throws HoldfastError `address_in_use`, `address_out_of_range`, `pool_exhausted`; what was taken before goes back with the draft.
 */
export function takeAddresses(
  platform: Platform,
  draft: Draft,
  network: NetworkState,
  wish: AddressWish & { readonly plan: AddressPlan },
): readonly IpAddress[] {
  const { plan } = wish;
  if (plan.kind === "chosen") {
    return plan.families.flatMap((family) => choose(platform, draft, network, { ...wish, family, count: plan.count }));
  }
  for (const address of plan.addresses) takeExactly(platform, draft, network, { ...wish, address });
  return plan.addresses;
}

/** Former addresses go first: whoever comes back gets what he had, as far as it would be given to him today. */
function choose(
  { pools }: Platform,
  draft: Draft,
  network: NetworkState,
  wish: AddressWish & { readonly family: Family; readonly count: number },
): IpAddress[] {
  const { family, count, subnet, range } = wish;
  const group = wish.group !== undefined && pools.hasRanges(network, wish.group, family) ? wish.group : undefined;
  const again = network.cooling
    .of(wish.identity)
    .filter(
      (address) =>
        IpAddress.family(address) === family &&
        (subnet === undefined || Cidr.contains(subnet, address)) &&
        (range === undefined || isInRange(range, address)) &&
        pools.isGiven(network, address, group) &&
        pools.stateOf(network, address) === "cooling" &&
        closedSubnetOf(network.record, address) === undefined,
    )
    .slice(0, count);
  for (const address of again) pools.take(draft, network, { address, formerOwner: true, group });
  const more = { family, prefix: subnet, group, within: range };
  return [...again, ...Array.from({ length: count - again.length }, () => pools.allocate(draft, network, more))];
}

function takeExactly(
  { pools, clock }: Platform,
  draft: Draft,
  network: NetworkState,
  { address, identity, node, group }: AddressWish & { readonly address: IpAddress },
): void {
  if (network.addresses.has(address)) {
    const owner = ownerOf(network, address);
    throw new HoldfastError("address_in_use", `${address} belongs to ${owner.text}`, {
      details: { address, ...owner.details },
    });
  }
  refuseQuarantined(network, [address]);
  refuseSetAside(network, address);
  const resting = network.cooling.get(address);
  const formerOwner =
    resting !== undefined && (resting.identity === identity || (resting.node !== undefined && resting.node === node));
  if (resting !== undefined && !formerOwner && Date.parse(resting.until) > clock.now().getTime()) {
    throw new HoldfastError(
      "address_in_use",
      `${address} belonged to ${resting.identity} and rests until ${resting.until}; take another or wait`,
      { details: { address, identity: resting.identity, until: resting.until, reason: "cooling" } },
    );
  }
  pools.take(draft, network, { address, formerOwner, group });
}

/** IPv4 first, else in the order given. */
function checkExact(addresses: readonly IpAddress[], { subnet, count, range }: AddressWish): readonly IpAddress[] {
  if (count !== undefined) throw invalidField("count", "exact addresses need no count; leave one of both out");
  if (range !== undefined) throw invalidField("range", "exact addresses need no range; leave one of both out");
  const seen = new Map<IpAddress, number>();
  for (const [index, address] of addresses.entries()) {
    const before = seen.get(address);
    if (before !== undefined) throw invalidField(`addresses.${index}`, `${address} is addresses.${before} already`);
    seen.set(address, index);
    if (subnet === undefined || Cidr.contains(subnet, address)) continue;
    throw invalidField("subnet", `${address} is not in ${subnet}`);
  }
  if (addresses.length === 1) return addresses;
  return [...addresses].sort((a, b) => IpAddress.family(a).localeCompare(IpAddress.family(b)));
}

function familiesOf(network: NetworkState, { subnet, range }: AddressWish): readonly Family[] {
  const prefixes = network.record?.subnets.map(({ prefix }) => prefix) ?? [];
  const where = `network ${network.tenant}/${network.name}`;
  const known = prefixes.join(", ") || "none";
  if (subnet !== undefined && !prefixes.includes(subnet)) {
    throw invalidField("subnet", `${where} has no subnet ${subnet}; it has ${known}`);
  }
  if (range !== undefined) {
    checkRange(range, subnet === undefined ? prefixes : [subnet], where);
    return [IpAddress.family(range.first)];
  }
  if (subnet !== undefined) return [Cidr.family(subnet)];
  const families = [...new Set(prefixes.map((prefix) => Cidr.family(prefix)))].sort();
  if (families.length === 0) throw new HoldfastError("pool_exhausted", `${where} has no subnet; add one`);
  return families;
}

function checkRange(range: Range, prefixes: readonly Cidr[], where: string): void {
  const { first, last } = range;
  const holding = prefixes.find((prefix) => Cidr.contains(prefix, first) && Cidr.contains(prefix, last));
  if (holding === undefined) {
    const known = prefixes.join(", ") || "none";
    throw invalidField("range", `${first}-${last} does not lie in one subnet of ${where}: ${known}`);
  }
  if (!isInRange(range, first)) throw invalidField("range", `${first} comes after ${last}`);
}

function checkGroup({ tenant, name, record }: NetworkState, group: Name | undefined): void {
  if (group === undefined) return;
  const groups = new Set(record?.subnets.flatMap(({ groupRanges = [] }) => groupRanges.map((range) => range.group)));
  if (groups.has(group)) return;
  const known = [...groups].join(", ") || "none";
  throw invalidField(
    "group",
    `network ${tenant}/${name} has no range for group ${group}; groups with ranges: ${known}; ` +
      "set one aside (holdfast subnet set-group), or leave the group out",
  );
}
