import type { SamplePlan } from "../query/plan.ts";
import { columnsOf, namedRowsSql } from "./named-rows-sql.ts";
import { expressionSql, isListExpression, predicateSql } from "./predicate-sql.ts";

const OWN = ["moment", "source_port", "destination_port", "tcp_flags", "bytes", "rate"] as const;

/** The statement that answers a plan: {@link OWN}, then a text for each column of the plan; groups with commas between them. */
export function sampleSql(plan: SamplePlan, tables: readonly string[], ends: readonly string[]): string {
  const columns = columnsOf(plan.columns, [plan.where]);
  const from = `(${tables.map((table) => `FROM ${table} WHERE moment >= ${plan.from} AND moment < ${plan.to}`).join(" UNION ALL ")})`;
  const values = plan.columns.map((column) =>
    isListExpression(column)
      ? `array_to_string(${expressionSql(column)}, ',')`
      : `CAST(${expressionSql(column)} AS VARCHAR)`,
  );
  return `WITH ends AS (${ends.map((table) => `FROM ${table}`).join(" UNION ALL ")}),
    named AS (${namedRowsSql(from, columns, OWN)})
    SELECT ${[...OWN, ...values].join(", ")} FROM named WHERE ${predicateSql(plan.where)}
    ORDER BY moment DESC LIMIT ${plan.limit}`;
}
