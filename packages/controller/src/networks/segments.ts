import { errorText, HoldfastError, VlanId, Vni } from "@holdfast/core";
import type { NetworkKind } from "@holdfast/model";
import type { Rules } from "../platform.ts";
import { invalidField } from "../refusals.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { Counters } from "../state/records.ts";
import type { State } from "../state/state.ts";

/** Kinds whose networks are told apart by a number on the wire. */
export type SegmentedKind = Exclude<NetworkKind, "routed">;

const START: Counters = { nextId: 1, last: { vlan: 0, vxlan: 0 } };

/**
 * A short id for a new network, and its segment: the one that is asked for, or the next free one of the range. The search goes on where
 * the last one ended, so that a released segment is taken again as late as possible: nodes may still have it for a moment. None for `routed`.
 *
 * @throws HoldfastError `invalid_argument`: no such segment; `conflict`: taken; `pool_exhausted`.
 */
export function takeSegment(
  draft: Draft,
  dependencies: { readonly state: State; readonly rules: Rules },
  request: { readonly kind: NetworkKind; readonly segment: number | undefined },
): { readonly id: string; readonly segment?: number } {
  const { state, rules } = dependencies;
  const { kind } = request;
  const counters = state.counters ?? START;
  if (kind === "routed") {
    draft.expect(keys.counters, state.counters?.revision ?? 0);
    draft.put(keys.counters, { nextId: counters.nextId + 1, last: counters.last });
    return { id: `n${counters.nextId}` };
  }
  const segment =
    request.segment === undefined
      ? nextFree(state, rules, kind, counters.last[kind])
      : checkedSegment(state, kind, request.segment);
  const last = request.segment === undefined ? { ...counters.last, [kind]: segment } : counters.last;
  draft.expect(keys.counters, state.counters?.revision ?? 0);
  draft.put(keys.counters, { nextId: counters.nextId + 1, last });
  draft.expect(keys.segment(kind, segment), 0);
  return { id: `n${counters.nextId}`, segment };
}

function checkedSegment(state: State, kind: SegmentedKind, segment: number): number {
  try {
    if (kind === "vlan") VlanId.parse(segment);
    else Vni.parse(segment);
  } catch (error) {
    throw invalidField("segment", errorText(error));
  }
  const owner = state.segmentOwner(kind, segment);
  if (owner === undefined) return segment;
  throw new HoldfastError(
    "conflict",
    `segment: ${kind} ${segment} is taken by network ${owner.tenant}/${owner.network}; choose another or leave it out`,
    { details: { field: "segment", tenant: owner.tenant, network: owner.network } },
  );
}

function nextFree(state: State, rules: Rules, kind: SegmentedKind, last: number): number {
  const { first, last: end } = kind === "vlan" ? rules.vlanRange : rules.vxlanRange;
  const size = end - first + 1;
  const start = last < first || last >= end ? first : last + 1;
  for (let step = 0; step < size; step++) {
    const segment = first + ((start - first + step) % size);
    if (state.segmentOwner(kind, segment) === undefined) return segment;
  }
  throw new HoldfastError("pool_exhausted", `every ${kind} segment from ${first} to ${end} is taken; widen the range`);
}
