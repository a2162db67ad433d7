import { type GroupRange, type Network, type Range, routes, type Subnet } from "@holdfast/model";
import { differences, isSame, unchangeable } from "./changes.ts";
import type { Written } from "./documents.ts";
import type { Step, Target } from "./target.ts";

type WantedSubnet = Written<"Network">["document"]["spec"]["subnets"][number];

/** Which subnet of which document. */
interface Place {
  readonly params: { readonly tenant: string; readonly network: string; readonly prefix: string };
  says(field: string): boolean;
}

/** Adds what is missing, brings group ranges and draining about. Subnets that the document does not name stay. */
export function stepsOfSubnets(target: Target, existing: Network, { document, says }: Written<"Network">): Step[] {
  const { metadata, spec } = document;
  return spec.subnets.flatMap((wanted, index) => {
    const params = { tenant: metadata.tenant, network: metadata.name, prefix: wanted.prefix };
    const place = { params, says: (field: string) => says("spec", "subnets", index, field) };
    const present = existing.subnets.find(({ prefix }) => prefix === wanted.prefix);
    if (present === undefined) return add(target, place, wanted);
    checkFixed(place, present, wanted);
    return [...groupSteps(target, place, present, wanted), ...drainSteps(target, place, present, wanted)];
  });
}

function add(target: Target, place: Place, wanted: WantedSubnet): Step[] {
  const { draining, ...body } = wanted;
  // It was drained, and went when it was empty, as the document says.
  if (draining?.removeWhenEmpty === true) return [];
  const { tenant, network, prefix } = place.params;
  const step: Step = {
    changes: [`subnet ${prefix} added`],
    run: (conditional) => target.client.call(routes.addSubnet, { params: { tenant, network }, body }, conditional),
  };
  return [step, ...drainSteps(target, place, {}, wanted)];
}

/** @throws HoldfastError `conflict`. */
function checkFixed({ params, says }: Place, present: Subnet, wanted: WantedSubnet): void {
  const remedy = "drain the subnet, remove it and add it again";
  for (const field of ["gateway", "ranges", "exclusions"] as const) {
    if (!says(field) || isSame(present[field], wanted[field])) continue;
    const object = `subnet ${params.prefix} of network ${params.tenant}/${params.network}`;
    throw unchangeable(object, { field, is: present[field], wanted: wanted[field] }, remedy);
  }
}

/** What groups lose is taken away first, so that others may get it. */
function groupSteps(target: Target, { params, says }: Place, present: Subnet, wanted: WantedSubnet): Step[] {
  if (!says("groupRanges")) return [];
  const [before, after] = [byGroup(present.groupRanges), byGroup(wanted.groupRanges)];
  const gone = [...before.keys()].filter((group) => !after.has(group));
  const differing = [...after.keys()].filter((group) => !isSame(before.get(group), after.get(group)));
  const changesOf = (group: string) =>
    differences(`group ${group} of ${params.prefix}`, before.get(group), after.get(group));
  const removals = gone.map(
    (group): Step => ({
      changes: changesOf(group),
      run: (conditional) => target.client.call(routes.removeGroupRanges, { params: { ...params, group } }, conditional),
    }),
  );
  const [known, fresh] = [
    differing.filter((group) => before.has(group)),
    differing.filter((group) => !before.has(group)),
  ];
  const settings = [...known, ...fresh].map(
    (group): Step => ({
      changes: changesOf(group),
      run: (conditional) => {
        const body = { ranges: [...(after.get(group) ?? [])] };
        return target.client.call(routes.setGroupRanges, { params: { ...params, group }, body }, conditional);
      },
    }),
  );
  return [...removals, ...settings];
}

function byGroup(ranges: readonly GroupRange[] = []): ReadonlyMap<string, readonly Range[]> {
  const groups = new Map<string, Range[]>();
  for (const { group, first, last } of ranges) groups.set(group, [...(groups.get(group) ?? []), { first, last }]);
  return groups;
}

function drainSteps(
  { client }: Target,
  { params }: Place,
  present: Pick<Subnet, "draining">,
  { draining }: WantedSubnet,
): Step[] {
  if (draining === undefined) return [];
  if (draining === null) {
    if (present.draining === undefined) return [];
    const changes = [`subnet ${params.prefix} gives addresses again`];
    return [{ changes, run: (conditional) => client.call(routes.undrainSubnet, { params }, conditional) }];
  }
  const { removeWhenEmpty } = draining;
  if (present.draining?.removeWhenEmpty === removeWhenEmpty) return [];
  const changes = [`subnet ${params.prefix} drained${removeWhenEmpty ? ", then removed" : ""}`];
  const request = { params, body: { removeWhenEmpty } };
  return [{ changes, run: (conditional) => client.call(routes.drainSubnet, request, conditional) }];
}
