import type { Claim, Endpoint, EndpointQos, Group, QosExplanation, QosProfile, QosQuestion } from "@holdfast/model";
import { endpointQos, labelsOfClaim, sameLabels } from "@holdfast/model";
import { isMember } from "@holdfast/policy";
import { memberOf } from "../policy/policy-world.ts";
import { requireClaim } from "../refusals.ts";
import type { StateChange } from "../state/records.ts";
import type { State } from "../state/state.ts";

/** Which QoS profile endpoints have: the one that the claim names, else that of the first of its groups, by name, that names one. */
export interface QosChoice {
  /** What the endpoint's node has to do; empty: nothing. */
  termsOf(endpoint: Endpoint): { readonly qos?: EndpointQos };
  /** @throws HoldfastError `not_found`. */
  explain(question: QosQuestion): QosExplanation;
  /** Endpoints that may have others now, each once. */
  concerned(changes: readonly StateChange[]): Iterable<Endpoint>;
}

type Naming = QosExplanation["passedOver"][number];

export function createQosChoice(state: State): QosChoice {
  const naming = (claim: Claim): Naming[] => namingOf([...state.groups.values(claim.tenant)], claim);

  function profileOf(claim: Claim): QosProfile | undefined {
    const [first] = naming(claim);
    return first && state.qosProfiles.get(claim.tenant, first.profile);
  }

  function endpointOf({ binding }: Claim): Endpoint | undefined {
    return binding && state.endpoints.get(binding.endpoint);
  }

  /** Edits of profiles and of groups that name one look at the endpoints of their tenant; other changes at their own. */
  function* ofTenant(change: StateChange): Iterable<Endpoint> {
    const [before, after] = [change.before, change.after] as readonly (Group | QosProfile | undefined)[];
    const tenant = (after ?? before)?.tenant;
    if (tenant === undefined) return;
    for (const { endpoints, claims } of state.networks.get(tenant)?.values() ?? []) {
      for (const id of endpoints) {
        const endpoint = state.endpoints.get(id);
        const claim = endpoint && claims.get(endpoint.identity);
        if (endpoint !== undefined && claim !== undefined && isConcerned(change, claim)) yield endpoint;
      }
    }
  }

  function isConcerned(change: StateChange, claim: Claim): boolean {
    if (change.kind === "qos-profile") {
      return naming(claim)[0]?.profile === (change.after ?? change.before)?.name;
    }
    if (change.kind !== "group" || claim.qos !== undefined) return false;
    return [change.before, change.after].some((group) => group?.qos !== undefined && isMember(group, memberOf(claim)));
  }

  function* endpointsOf(change: StateChange): Iterable<Endpoint> {
    if (change.kind === "qos-profile") yield* ofTenant(change);
    if (change.kind === "group" && (change.before?.qos ?? change.after?.qos) !== undefined) yield* ofTenant(change);
    if (change.kind !== "claim" || change.before === undefined || change.after === undefined) return;
    const endpoint = isSameChoice(change.before, change.after) ? undefined : endpointOf(change.after);
    if (endpoint !== undefined) yield endpoint;
  }

  return {
    termsOf({ tenant, network, identity }) {
      const claim = state.network(tenant, network)?.claims.get(identity);
      const profile = claim && profileOf(claim);
      return profile === undefined ? {} : { qos: endpointQos(profile) };
    },

    explain(question) {
      const claim = requireClaim(state, question);
      const [first, ...passedOver] = naming(claim);
      const profile = profileOf(claim);
      return {
        ...(profile === undefined ? {} : { profile }),
        ...(first === undefined ? {} : { by: first.by }),
        passedOver,
      };
    },

    *concerned(changes) {
      const seen = new Set<string>();
      for (const change of changes) {
        for (const endpoint of endpointsOf(change)) {
          if (seen.has(endpoint.id)) continue;
          seen.add(endpoint.id);
          yield endpoint;
        }
      }
    },
  };
}

/** All that name a profile for the claim, in the order in which they count. */
export function namingOf(groups: readonly Group[], claim: Claim): Naming[] {
  const named = groups
    .filter((group) => group.qos !== undefined && isMember(group, memberOf(claim)))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, qos }): Naming[] =>
      qos === undefined ? [] : [{ profile: qos, by: { kind: "group", group: name } }],
    );
  return claim.qos === undefined ? named : [{ profile: claim.qos, by: { kind: "claim" } }, ...named];
}

/** Most changes of a claim are of its binding. */
function isSameChoice(before: Claim, after: Claim): boolean {
  return (
    before.qos === after.qos && before.group === after.group && sameLabels(labelsOfClaim(before), labelsOfClaim(after))
  );
}
