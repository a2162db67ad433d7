import { inOrder } from "../query/add-up.ts";
import {
  addTo,
  type Expression,
  type Group,
  type KeyValue,
  noSum,
  type SampleAnswer,
  type SamplePlan,
  type Sum,
  type SumAnswer,
  type SumPlan,
} from "../query/plan.ts";
import type { Cell } from "./database.ts";
import { isListExpression } from "./predicate-sql.ts";
import { ANSWER } from "./sum-sql.ts";

/** Nothing, as a plan asks for it. */
export function emptyAnswer(plan: SumPlan): { -readonly [K in keyof SumAnswer]: SumAnswer[K] } {
  return { groups: [], other: { groups: 0, slots: slotsOf(plan) }, totals: plan.totals.map(() => slotsOf(plan)) };
}

/** Reads the rows of the statement that `sumSql` wrote. */
export function readSums(plan: SumPlan, rows: readonly (readonly Cell[])[]): SumAnswer {
  const answer = emptyAnswer(plan);
  const expressions = plan.parts[0]?.keys ?? [];
  const groups = new Map<string, { readonly key: readonly KeyValue[]; readonly slots: Sum[] }>();
  const all = slotsOf(plan);
  let count = 0;
  for (const [kind, number, ...cells] of rows) {
    const key = cells.slice(0, expressions.length);
    const [slot = 0, packets = 0, bytes = 0, samples = 0, exact = 0] = cells.slice(expressions.length).map(Number);
    const sum: Sum = { packets, bytes, samples, exact };
    if (kind === ANSWER.total) Object.assign(answer.totals[Number(number)]?.[slot] as Sum, sum);
    else if (kind === ANSWER.all) [all[slot], count] = [sum, Number(number)];
    else {
      const name = JSON.stringify(key);
      const group = groups.get(name) ?? { key: keyOf(expressions, key), slots: slotsOf(plan) };
      groups.set(name, group);
      group.slots[slot] = sum;
    }
  }
  const told = inOrder(plan, [...groups.values()]);
  const others = count - told.length;
  if (others <= 0) return { ...answer, groups: told };
  return { ...answer, groups: told, other: { groups: others, slots: restOf(all, told) } };
}

/** What all have without those that are told. */
function restOf(all: readonly Sum[], told: readonly Group[]): readonly Sum[] {
  return all.map((sum, slot) => {
    const rest = { ...sum };
    for (const { slots } of told) {
      const { packets, bytes, samples, exact } = slots[slot] ?? noSum();
      addTo(rest, { packets: -packets, bytes: -bytes, samples: -samples, exact: -exact });
    }
    // What rounding leaves is nothing.
    return rest.samples <= 0 ? noSum() : rest;
  });
}

/** Reads the rows of the statement that `sampleSql` wrote. */
export function readSamples(plan: SamplePlan, rows: readonly (readonly Cell[])[]): readonly SampleAnswer[] {
  return rows.map(([at, sourcePort, destinationPort, tcpFlags, bytes, rate, ...cells]) => ({
    at: Number(at),
    ...(sourcePort === null ? {} : { sourcePort: Number(sourcePort) }),
    ...(destinationPort === null ? {} : { destinationPort: Number(destinationPort) }),
    ...(tcpFlags === null ? {} : { tcpFlags: Number(tcpFlags) }),
    bytes: Number(bytes),
    rate: Number(rate),
    values: plan.columns.map((column, index) => {
      const text = cells[index] as string | null;
      return isListExpression(column) ? (text ?? "").split(",").filter(Boolean) : keyValue(column, text);
    }),
  }));
}

function keyOf(expressions: readonly Expression[], key: readonly Cell[]): readonly KeyValue[] {
  return expressions.map((expression, index) => keyValue(expression, key[index] as string | null));
}

const NUMBERS: ReadonlySet<string> = new Set(["protocol", "service", "vlan", "vni"]);

function keyValue(expression: Expression, text: string | null): KeyValue {
  if (text === null || expression.kind === "constant") return text;
  if (expression.column === "attributed") return text === "true";
  return NUMBERS.has(expression.column) ? Number(text) : text;
}

function slotsOf({ slots }: SumPlan): Sum[] {
  return Array.from({ length: slots.count }, noSum);
}
