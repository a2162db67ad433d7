import type { Family } from "@holdfast/core";
import type { Action, Match } from "@holdfast/openflow";
import type { Direction, ProgramId, ProgramRule, SetId } from "@holdfast/policy";
import { goto, type Rule, TableId } from "../pipeline/layout.ts";
import {
  ALLOWED,
  begin,
  etherTypeOf,
  logMeterOf,
  type Mode,
  pathNumber,
  Register,
  ruleNumber,
  setPair,
} from "./layout.ts";
import { AFTER_ALL_RULES } from "./priorities.ts";
import { remoteIn } from "./remotes.ts";
import { reversedMatches, serviceMatches } from "./service-matches.ts";

/** Where in a program a rule stands. */
export interface RulePlace {
  readonly program: ProgramId;
  readonly family: Family;
  readonly direction: Direction;
  readonly mode: Mode;
  /** {@link listNumber}. */
  readonly list: number;
}

/** Which matches on registers say that the remote address is in one of the sets. */
export type MatchSets = (sets: readonly SetId[]) => readonly Match[];

/**
 * Table 17: the flows of one rule, at a priority of its own in its list. A rule with few remotes or few services is their product; else a conjunction,
 * with a flow for each of them.
 */
export function ruleFlows(
  rule: ProgramRule,
  place: RulePlace,
  priority: number,
  matchSets: MatchSets,
): readonly Rule[] {
  const remotes = remoteMatches(rule, matchSets);
  const services = place.mode === "reversed" ? reversedMatches(rule.services) : serviceMatches(rule.services);
  const flow = (parts: readonly Match[], actions: readonly Action[]): Rule => ({
    table: TableId.policyRules,
    priority,
    match: inPlace(place, parts),
    actions,
  });
  const outcome = outcomeOf(rule, place);
  if (remotes.length === 0 || services.length === 0) return [];
  if (remotes.length * services.length <= remotes.length + services.length + 1) {
    return remotes.flatMap((remote) => services.map((service) => flow([remote, service], outcome)));
  }
  const clause = (number: number): Action => ({ kind: "conjunction", id: priority, clause: number, of: 2 });
  return [
    ...remotes.map((remote) => flow([remote], [clause(1)])),
    ...services.map((service) => flow([service], [clause(2)])),
    flow([{ conjunction: priority }], outcome),
  ];
}

function remoteMatches({ remote }: ProgramRule, matchSets: MatchSets): readonly Match[] {
  if (remote === "any") return [{}];
  return [...matchSets(remote.sets), ...remote.prefixes.map(remoteIn)];
}

function inPlace({ program, family, direction, mode, list }: RulePlace, parts: readonly Match[]): Match {
  return {
    ...Object.assign({}, ...parts),
    ethType: etherTypeOf(family),
    metadata: pathNumber(program, direction, mode),
    registers: Object.assign({ [Register.list]: list }, ...parts.map(({ registers }) => registers)),
  };
}

/** Counts, and then: a connection that may be is remembered, and its first packet goes on. */
function outcomeOf({ id, verdict, log }: ProgramRule, place: RulePlace): readonly Action[] {
  const { program, direction, mode } = place;
  const number = ruleNumber(program, id);
  const told: readonly Action[] = log && mode !== "staged" ? [{ kind: "tell", meter: logMeterOf(number) }] : [];
  const counted = [...setPair(Register.rule, number), ...told, goto(TableId.policyCounters)];
  if (verdict === "pass") return [...counted, ...toNextList(place)];
  if (verdict === "deny" || mode === "staged") return counted;
  if (mode === "reversed") return [...counted, setList(ALLOWED)];
  return [...counted, ...begin(direction)];
}

export function setList(list: number): Action {
  return { kind: "set-field", field: Register.list, value: BigInt(list) };
}

/** What no rule of the list matches is for the next list. */
export function nextListFlow(place: RulePlace): Rule {
  return {
    table: TableId.policyRules,
    priority: AFTER_ALL_RULES,
    match: inPlace(place, []),
    actions: toNextList(place),
  };
}

function toNextList({ list }: RulePlace): readonly Action[] {
  return [setList(list + 1), goto(TableId.policyRules)];
}

/** Table 18: counts what a rule has decided, for whatever programs' paths it stands in. */
export function counterFlow(number: bigint): Rule {
  const [high, low] = Register.rule;
  return {
    table: TableId.policyCounters,
    priority: 100,
    match: { registers: { [high]: Number(number >> 32n), [low]: Number(number & 0xffff_ffffn) } },
    actions: [],
  };
}
