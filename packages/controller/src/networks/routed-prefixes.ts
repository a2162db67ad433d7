import { HoldfastError } from "@holdfast/core";
import type { Subnet } from "@holdfast/model";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { State } from "../state/state.ts";

/**
 * Refuses prefixes that a routed network already has, whoever's it is: a machine has one routing table. What is decided here holds for the
 * commit, also against other controllers.
 *
 * @param fieldOf the path of a prefix in the request, by its place in `subnets`
 * @throws HoldfastError `conflict`, naming the field and both networks' prefixes.
 */
export function refuseRoutedElsewhere(
  draft: Draft,
  state: State,
  subnets: readonly Pick<Subnet, "prefix">[],
  fieldOf: (index: number) => string,
): void {
  for (const [index, { prefix }] of subnets.entries()) {
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
