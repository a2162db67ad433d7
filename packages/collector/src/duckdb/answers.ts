import { inOrder } from "../query/add-up.ts";
import type { Expression, KeyValue, SampleAnswer, SamplePlan, Sum, SumAnswer, SumPlan } from "../query/plan.ts";
import { emptyAnswer, restOf, slotsOf } from "../query/slot-sums.ts";
import type { Cell } from "./database.ts";
import { isListExpression } from "./predicate-sql.ts";
import { ANSWER } from "./sum-sql.ts";

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
