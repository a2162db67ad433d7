import type { Cidr } from "@holdfast/core";
import type { EndpointPolicy, PolicyChange, PolicySet, Program, ProgramId, SetId } from "@holdfast/policy";

/** What was told of policies, for a driver that is opened later. */
export class ToldPolicies {
  readonly #sets = new Map<SetId, { readonly family: PolicySet["family"]; readonly members: Set<Cidr> }>();
  readonly #programs = new Map<ProgramId, Program>();
  readonly #endpoints = new Map<string, EndpointPolicy>();

  take(change: PolicyChange): void {
    for (const { id, family, members } of change.sets) this.#sets.set(id, { family, members: new Set(members) });
    for (const { id, remove, add } of change.setEdits) {
      const members = this.#sets.get(id)?.members;
      for (const gone of remove) members?.delete(gone);
      for (const come of add) members?.add(come);
    }
    for (const program of change.programs) this.#programs.set(program.id, program);
    for (const policy of change.endpoints) this.#endpoints.set(policy.endpoint, policy);
    for (const id of change.programsGone) this.#programs.delete(id);
    for (const id of change.setsGone) this.#sets.delete(id);
  }

  everything(): PolicyChange {
    const sets = [...this.#sets].map(([id, { family, members }]) => ({ id, family, members: [...members] }));
    const endpoints = this.#endpoints.values().filter(({ program }) => this.#programs.has(program));
    const none = { setEdits: [], setsGone: [], programsGone: [] };
    return { ...none, sets, programs: [...this.#programs.values()], endpoints: [...endpoints] };
  }
}
