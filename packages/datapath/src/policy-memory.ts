import type { Cidr, Family } from "@holdfast/core";
import type { EndpointPolicy, PolicyChange, Program, ProgramId, SetId } from "@holdfast/policy";
import { checkPolicy } from "./check-policy.ts";

/** What a data path was told of policies, for one that is not there yet. */
export class PolicyMemory {
  readonly #sets = new Map<SetId, { readonly family: Family; readonly members: Set<Cidr> }>();
  readonly #programs = new Map<ProgramId, Program>();
  readonly #endpoints = new Map<string, EndpointPolicy>();

  has(program: ProgramId): boolean {
    return this.#programs.has(program);
  }

  /** @throws HoldfastError `not_found` when the change refers to what is not there. */
  check(change: PolicyChange): void {
    checkPolicy(change, { hasProgram: (id) => this.has(id), hasSet: (id) => this.#sets.has(id) });
  }

  take(change: PolicyChange): void {
    for (const { id, family, members } of change.sets) this.#sets.set(id, { family, members: new Set(members) });
    for (const { id, remove, add } of change.setEdits) {
      const members = this.#sets.get(id)?.members;
      for (const member of remove) members?.delete(member);
      for (const member of add) members?.add(member);
    }
    for (const program of change.programs) this.#programs.set(program.id, program);
    for (const endpoint of change.endpoints) this.#endpoints.set(endpoint.endpoint, endpoint);
    for (const id of change.programsGone) this.#programs.delete(id);
    for (const id of change.setsGone) this.#sets.delete(id);
    if (change.programsGone.length > 0) this.#forgetProgramless();
  }

  /** All of it. */
  get whole(): PolicyChange {
    return {
      sets: [...this.#sets].map(([id, { family, members }]) => ({ id, family, members: [...members] })),
      setEdits: [],
      setsGone: [],
      programs: [...this.#programs.values()],
      programsGone: [],
      endpoints: [...this.#endpoints.values()],
    };
  }

  /** Endpoints of programs that are gone are told of no more. */
  #forgetProgramless(): void {
    for (const [id, { program, staged = program }] of this.#endpoints) {
      if (!this.has(program) || !this.has(staged)) this.#endpoints.delete(id);
    }
  }
}
