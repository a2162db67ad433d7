import { Cidr, type IpAddress } from "@holdfast/core";
import { type Decision, decide, matches, type Packet } from "../decide.ts";
import type { EndpointPolicy, PolicyChange, Program, ProgramId, SetId } from "../rule-program.ts";
import type { View } from "../world.ts";

/** A data path without packets: has what it was told to have, complains about what nobody may tell it, and decides by the programs. */
export class PlainPath {
  readonly sets = new Map<SetId, Set<Cidr>>();
  readonly programs = new Map<ProgramId, Program>();
  readonly endpoints = new Map<string, EndpointPolicy>();

  apply(change: PolicyChange): void {
    for (const { id, members } of change.sets) this.sets.set(id, new Set(members));
    for (const { id, add, remove } of change.setEdits) {
      const set = this.sets.get(id);
      if (set === undefined) throw new TypeError(`an edit of ${id}, which is not there`);
      for (const gone of remove) set.delete(gone);
      for (const come of add) set.add(come);
    }
    for (const program of change.programs) this.programs.set(program.id, program);
    for (const endpoint of change.endpoints) this.endpoints.set(endpoint.endpoint, endpoint);
    for (const id of change.programsGone) this.programs.delete(id);
    for (const id of change.setsGone) this.sets.delete(id);
    for (const { id } of [...change.sets, ...change.setEdits]) this.#checkMembers(id);
    for (const program of change.programs) this.#checkSets(program);
  }

  decide(endpoint: string, packet: Packet, view: View): Decision {
    const policy = this.endpoints.get(endpoint);
    const id = view === "staged" ? (policy?.staged ?? policy?.program) : policy?.program;
    const program = id === undefined ? undefined : this.programs.get(id);
    if (program === undefined) throw new TypeError(`${endpoint} has program ${id}, which is not there`);
    this.#checkStages(program, packet);
    return decide(program, packet, (set, address) => this.#contains(set, address));
  }

  /** What stages promise, for this packet. */
  #checkStages({ id, v4, v6 }: Program, packet: Packet): void {
    const { main, foreign } = (packet.remote.includes(":") ? v6 : v4)[packet.direction];
    for (const { disjoint, rules } of [...main, ...foreign].flatMap(({ stages }) => stages)) {
      const matching = rules.filter((rule) => matches(rule, packet, (set, address) => this.#contains(set, address)));
      if (disjoint && matching.length > 1) throw new TypeError(`rules of a disjoint stage of ${id} meet`);
      if (new Set(matching.map(({ verdict }) => verdict)).size > 1) throw new TypeError(`a stage of ${id} is no stage`);
    }
    for (const list of [main, foreign]) {
      const last = list.at(-1)?.stages.at(-1);
      const [end] = last?.rules ?? [];
      const ends =
        last?.rules.length === 1 && end?.remote === "any" && end.services === "any" && end.verdict !== "pass";
      if (!ends) throw new TypeError(`a path of ${id} does not end`);
    }
  }

  #contains(id: SetId, address: IpAddress): boolean {
    const members = this.sets.get(id);
    if (members === undefined) throw new TypeError(`rules refer to ${id}, which is not there`);
    return members.values().some((member) => Cidr.contains(member, address));
  }

  #checkMembers(id: SetId): void {
    const members = [...(this.sets.get(id) ?? [])];
    for (const member of members) {
      const inside = members.find((other) => other !== member && Cidr.overlap(member, other));
      if (inside !== undefined) throw new TypeError(`members ${member} and ${inside} of ${id} overlap`);
      if (Cidr.family(member) !== id.slice(-2)) throw new TypeError(`member ${member} of ${id} is of the other family`);
    }
  }

  #checkSets({ id, v4, v6 }: Program): void {
    const paths = [v4.ingress, v4.egress, v6.ingress, v6.egress];
    const rules = paths.flatMap(({ main, foreign }) => [...main, ...foreign]).flatMap(({ stages }) => stages);
    const sets = rules.flatMap((stage) => stage.rules).flatMap(({ remote }) => (remote === "any" ? [] : remote.sets));
    const missing = sets.find((set) => !this.sets.has(set));
    if (missing !== undefined) throw new TypeError(`program ${id} refers to ${missing}, which is not there`);
  }
}
