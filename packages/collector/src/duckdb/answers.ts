import {
  type Expression,
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
  const groups: { readonly key: readonly KeyValue[]; readonly slots: Sum[] }[] = [];
  for (const [kind, rank, ...cells] of rows) {
    const key = cells.slice(0, expressions.length);
    const [slot, packets, bytes, samples, exact] = cells.slice(expressions.length).map(Number);
    const sum: Sum = { packets: packets ?? 0, bytes: bytes ?? 0, samples: samples ?? 0, exact: exact ?? 0 };
    const at = Number(rank);
    if (kind === ANSWER.count) answer.other = { ...answer.other, groups: Math.max(0, at - plan.limit) };
    else if (kind === ANSWER.other) Object.assign(answer.other.slots[slot ?? 0] as Sum, sum);
    else if (kind === ANSWER.total) Object.assign(answer.totals[at]?.[slot ?? 0] as Sum, sum);
    else {
      const known = groups[at - 1] ?? { key: keyOf(expressions, key), slots: slotsOf(plan) };
      groups[at - 1] = known;
      known.slots[slot ?? 0] = sum;
    }
  }
  return { ...answer, groups };
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
