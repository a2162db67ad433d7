import { Cidr, HoldfastError } from "@holdfast/core";
import type { Subnet } from "@holdfast/model";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { State } from "../state/state.ts";

/**
 * Refuses prefixes that a routed network already has, whoever's it is: a machine has one routing table. What is decided here holds for the
 * commit, also against other controllers.
 *
 * @param fieldOf the path of a prefix in the request, by its place in `subnets`
 * @throws HoldfastError `conflict`, naming the field and both networks' prefixes, or the node that has an address among these.
 */
export function refuseRoutedElsewhere(
  draft: Draft,
  state: State,
  subnets: readonly Pick<Subnet, "prefix">[],
  fieldOf: (index: number) => string,
): void {
  for (const [index, { prefix }] of subnets.entries()) {
    refuseNodes(state, prefix, fieldOf(index));
    const other = state.routed.overlapping(prefix);
    if (other === undefined) continue;
    const field = fieldOf(index);
    const { tenant, network } = other;
    throw new HoldfastError(
      "conflict",
      `${field}: ${prefix} overlaps ${other.prefix} of routed network ${tenant}/${network}, and machines have one routing table for all tenants; choose another prefix`,
      { details: { field, tenant, network, prefix: other.prefix } },
    );
  }
  draft.expect(keys.routing, state.routing);
  draft.put(keys.routing, {});
}

/** A container with a node's address would take its packets from it, on every other node. */
function refuseNodes(state: State, prefix: Cidr, field: string): void {
  for (const { name, tunnelAddress, addresses = [] } of state.nodes.values()) {
    const own = [...addresses, ...(tunnelAddress === undefined ? [] : [tunnelAddress])];
    const inside = own.find((address) => Cidr.contains(prefix, address));
    if (inside === undefined) continue;
    const text = `${field}: ${prefix} has ${inside} in it, an address of node ${name}, which a container could take from it; choose another prefix`;
    throw new HoldfastError("conflict", text, { details: { field, node: name, address: inside } });
  }
}
