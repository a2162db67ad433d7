import type { Family } from "@holdfast/core";
import type { Direction, Path, Program, ProgramId, ProgramRule, RuleId, SetId } from "@holdfast/policy";
import { type FlowRow, flowRows } from "../flow-row.ts";
import { COUNTER_COOKIES, cookieOf, goto, type Rule, TableId } from "../pipeline/layout.ts";
import type { AddressClasses } from "./address-classes.ts";
import type { FlowStore } from "./flow-store.ts";
import { etherTypeOf, listNumber, type Mode, pathNumber, ruleNumber } from "./layout.ts";
import { assignPriorities } from "./priorities.ts";
import { counterFlow, nextListFlow, type RulePlace, ruleFlows, setList } from "./rule-flows.ts";

/** Flows that follow the classes of some sets. */
interface Part {
  readonly sets: readonly SetId[];
  readonly build: () => readonly Rule[];
  keys: readonly string[];
}

interface RulePart extends Part {
  readonly rule: ProgramRule;
  readonly priority: number;
}

interface Compiled {
  program: Program;
  readonly modes: Set<Mode>;
  /** By place and rule. */
  readonly rules: Map<string, RulePart>;
  /** Which list is for a remote address, and which comes after which. */
  readonly ways: Map<string, Part>;
  readonly counters: Map<bigint, RuleId>;
}

/** Priorities that rules have in the switch already, by the name of the list and then of the rule. */
export type KnownPriorities = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Tables 16 to 18: what programs decide. A rule that stays the same keeps its flows. */
export class ProgramFlows {
  readonly #flows: FlowStore;
  readonly #logs: boolean;
  readonly #classes: AddressClasses;
  readonly #programs = new Map<ProgramId, Compiled>();
  readonly #users = new Map<SetId, Set<Part>>();
  #inherited: KnownPriorities = new Map();
  #inheritedKeys: ReadonlyMap<bigint, readonly string[]> = new Map();

  /** `logs`: rules with `log` tell of their packets. */
  constructor(flows: FlowStore, classes: AddressClasses, { logs }: { readonly logs: boolean }) {
    this.#logs = logs;
    this.#flows = flows;
    this.#classes = classes;
  }

  inherit(priorities: KnownPriorities, keys: ReadonlyMap<bigint, readonly string[]>): void {
    this.#inherited = priorities;
    this.#inheritedKeys = keys;
  }

  get(id: ProgramId): Program | undefined {
    return this.#programs.get(id)?.program;
  }

  all(): IterableIterator<Program> {
    return this.#programs.values().map(({ program }) => program);
  }

  set(program: Program): void {
    const known = this.#programs.get(program.id);
    const compiled = known ?? emptyProgram(program);
    compiled.program = program;
    this.#programs.set(program.id, compiled);
    this.#compile(compiled);
  }

  remove(id: ProgramId): void {
    const compiled = this.#programs.get(id);
    if (compiled === undefined) return;
    this.#programs.delete(id);
    for (const part of [...compiled.rules.values(), ...compiled.ways.values()]) this.#discard(part);
    for (const number of compiled.counters.keys()) this.#flows.delete(counterRow(number).key);
  }

  /** The program is walked in this mode as well. */
  use(id: ProgramId, mode: Mode): void {
    const compiled = this.#programs.get(id);
    if (compiled === undefined || compiled.modes.has(mode)) return;
    compiled.modes.add(mode);
    this.#compile(compiled);
  }

  /** No program is walked in this mode any more. */
  endUse(mode: Mode): void {
    for (const compiled of this.#programs.values()) if (compiled.modes.delete(mode)) this.#compile(compiled);
  }

  /** Other classes belong to these sets. */
  follow(sets: ReadonlySet<SetId>): void {
    const parts = new Set([...sets].flatMap((set) => [...(this.#users.get(set) ?? [])]));
    for (const part of parts) this.#place(part);
  }

  /** Which rule a number stands for. */
  named(number: bigint): readonly { readonly program: ProgramId; readonly rule: RuleId }[] {
    return [...this.#programs].flatMap(([program, { counters }]) => {
      const rule = counters.get(number);
      return rule === undefined ? [] : [{ program, rule }];
    });
  }

  #compile(compiled: Compiled): void {
    const { program, modes } = compiled;
    const rules = new Map<string, RulePart>();
    const ways = new Map<string, Part>();
    const counters = new Map<bigint, RuleId>();
    for (const [family, direction, path] of pathsOf(program)) {
      for (const mode of modes) {
        const place = { program: program.id, family, direction, mode };
        this.#flows.touch(this.#inheritedKeys.get(pathNumber(program.id, direction, mode)) ?? []);
        const name = [family, direction, mode].join(" ");
        ways.set(name, this.#realmPart(compiled.ways.get(name), path, place));
        this.#classes.markPlatform(path.realms.platform);
        for (const { list, rules: listed, isLast } of listsOf(path)) {
          const at = { ...place, list };
          if (!isLast) ways.set(listName(at), this.#nextListPart(compiled.ways.get(listName(at)), at));
          this.#compileList(listed, at, compiled, rules);
        }
      }
    }
    for (const { rule } of rules.values()) counters.set(ruleNumber(program.id, rule.id), rule.id);
    this.#exchange(compiled, { rules, ways, counters });
  }

  #compileList(
    listed: readonly ProgramRule[],
    place: RulePlace,
    { rules: before }: Compiled,
    after: Map<string, RulePart>,
  ): void {
    const named = withNames(listed, place.program);
    const prefix = listName(place);
    const known = new Map(this.#inherited.get(prefix));
    for (const { name } of named) {
      const priority = before.get(`${prefix} ${name}`)?.priority;
      if (priority !== undefined) known.set(name, priority);
    }
    const priorities = assignPriorities(
      named.map(({ name }) => name),
      known,
    );
    for (const { name, rule } of named) {
      const priority = priorities.get(name) ?? 0;
      const key = `${prefix} ${name}`;
      const old = before.get(key);
      const same = old?.rule === rule && old.priority === priority;
      after.set(key, same ? old : this.#rulePart(rule, place, priority));
    }
  }

  #rulePart(rule: ProgramRule, place: RulePlace, priority: number): RulePart {
    const sets = rule.remote === "any" ? [] : rule.remote.sets;
    const shown = this.#logs ? rule : { ...rule, log: false };
    const build = () => ruleFlows(shown, place, priority, (each) => this.#classes.matches(each));
    return { rule, priority, sets, build, keys: [] };
  }

  /** Table 16: which list is for a remote address. */
  #realmPart(before: Part | undefined, { realms: { own } }: Path, place: Omit<RulePlace, "list">): Part {
    if (before?.sets[0] === own) return before;
    const match = {
      ethType: etherTypeOf(place.family),
      metadata: pathNumber(place.program, place.direction, place.mode),
    };
    const build = () =>
      this.#classes.matches([own]).map(({ registers = {} }) => ({
        table: TableId.policyRealms,
        priority: 30,
        match: { ...match, registers },
        actions: [setList(listNumber("main", 0)), goto(TableId.policyRules)],
      }));
    return { sets: [own], build, keys: [] };
  }

  #nextListPart(before: Part | undefined, place: RulePlace): Part {
    return before ?? { sets: [], build: () => [nextListFlow(place)], keys: [] };
  }

  /** Old flows go first: a rule may take the place of another one. */
  #exchange(compiled: Compiled, after: Pick<Compiled, "rules" | "ways" | "counters">): void {
    for (const name of ["rules", "ways"] as const) {
      const [before, now]: [Map<string, Part>, Map<string, Part>] = [compiled[name], after[name]];
      const staying = new Set(now.values());
      for (const part of before.values()) if (!staying.has(part)) this.#discard(part);
      const present = new Set(before.values());
      before.clear();
      for (const [key, part] of now) {
        before.set(key, part);
        if (!present.has(part)) this.#adopt(part);
      }
    }
    for (const number of compiled.counters.keys()) {
      if (!after.counters.has(number)) this.#flows.delete(counterRow(number).key);
    }
    for (const [number] of after.counters) {
      if (!compiled.counters.has(number)) this.#flows.put(counterRow(number));
    }
    compiled.counters.clear();
    for (const [number, rule] of after.counters) compiled.counters.set(number, rule);
  }

  #adopt(part: Part): void {
    for (const set of part.sets) {
      const users = this.#users.get(set) ?? new Set();
      this.#users.set(set, users.add(part));
    }
    this.#place(part);
  }

  #place(part: Part): void {
    const rows = flowRows(part.build(), cookieOf("policy"));
    const keys = new Set(rows.map(({ key }) => key));
    for (const key of part.keys) if (!keys.has(key)) this.#flows.delete(key);
    for (const row of rows) this.#flows.put(row);
    part.keys = [...keys];
  }

  #discard(part: Part): void {
    for (const key of part.keys) this.#flows.delete(key);
    for (const set of part.sets) {
      const users = this.#users.get(set);
      users?.delete(part);
      if (users?.size === 0) this.#users.delete(set);
    }
  }
}

function emptyProgram(program: Program): Compiled {
  return { program, modes: new Set(["enforced"]), rules: new Map(), ways: new Map(), counters: new Map() };
}

function pathsOf({ v4, v6 }: Program): readonly (readonly [Family, Direction, Path])[] {
  return [
    ["v4", "ingress", v4.ingress],
    ["v4", "egress", v4.egress],
    ["v6", "ingress", v6.ingress],
    ["v6", "egress", v6.egress],
  ];
}

/** Sections in order, with the rules of all their stages. */
function listsOf({ main, foreign }: Path) {
  return [["main", main] as const, ["foreign", foreign] as const].flatMap(([realm, sections]) =>
    sections.map(({ stages }, index) => ({
      list: listNumber(realm, index),
      rules: stages.flatMap((stage) => stage.rules),
      isLast: index + 1 === sections.length,
    })),
  );
}

/** A list by what its flows match, so that it can be read from them. */
export function listName({ program, family, direction, mode, list }: RulePlace): string {
  return listNameOf(etherTypeOf(family), pathNumber(program, direction, mode), list);
}

export function listNameOf(etherType: number, path: bigint, list: number): string {
  return `${etherType} ${path} ${list}`;
}

/** Of rules with the same id in one list the second is another one. */
function withNames(
  rules: readonly ProgramRule[],
  program: ProgramId,
): readonly { readonly name: string; readonly rule: ProgramRule }[] {
  const seen = new Map<RuleId, number>();
  return rules.map((rule) => {
    const times = seen.get(rule.id) ?? 0;
    seen.set(rule.id, times + 1);
    return { name: `${ruleNumber(program, rule.id)} ${times}`, rule };
  });
}

function counterRow(number: bigint): FlowRow {
  const [row] = flowRows([counterFlow(number)], COUNTER_COOKIES.cookie);
  if (row === undefined) throw new TypeError("bug: a rule without a flow");
  return row;
}
