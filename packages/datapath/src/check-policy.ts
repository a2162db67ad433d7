import { HoldfastError } from "@holdfast/core";
import type { PolicyChange, Program, ProgramId, SetId } from "@holdfast/policy";

export interface KnownPolicy {
  readonly hasProgram: (id: ProgramId) => boolean;
  readonly hasSet: (id: SetId) => boolean;
}

/** @throws HoldfastError `not_found` when a change refers to what is not there: nothing of it has been done then. */
export function checkPolicy({ sets, setEdits, programs, endpoints }: PolicyChange, known: KnownPolicy): void {
  const newSets = new Set(sets.map(({ id }) => id));
  const newPrograms = new Set(programs.map(({ id }) => id));
  const hasSet = (id: SetId) => newSets.has(id) || known.hasSet(id);
  const hasProgram = (id: ProgramId) => newPrograms.has(id) || known.hasProgram(id);
  for (const { id } of setEdits) expectThere(hasSet(id), `an edit of address set ${id}`, `set ${id}`);
  for (const program of programs) {
    const missing = setsOf(program).find((id) => !hasSet(id));
    expectThere(missing === undefined, `policy program ${program.id}`, `set ${missing}`);
  }
  for (const { endpoint, program, staged } of endpoints) {
    const missing = [program, staged].find((id) => id !== undefined && !hasProgram(id));
    expectThere(missing === undefined, `the policy of endpoint ${endpoint}`, `program ${missing}`);
  }
}

function expectThere(isThere: boolean, what: string, needed: string): void {
  if (isThere) return;
  throw new HoldfastError(
    "not_found",
    `${what} is refused: ${needed} is not here; send it with the change or before it`,
  );
}

function setsOf({ v4, v6 }: Program): SetId[] {
  const paths = [v4.ingress, v4.egress, v6.ingress, v6.egress];
  const rules = paths
    .flatMap(({ main, foreign }) => [...main, ...foreign])
    .flatMap(({ stages }) => stages)
    .flatMap((stage) => stage.rules);
  return [
    ...paths.flatMap(({ realms }) => [realms.own, realms.platform]),
    ...rules.flatMap(({ remote }) => (remote === "any" ? [] : remote.sets)),
  ];
}
