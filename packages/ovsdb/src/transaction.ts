import { type ErrorDetails, HoldfastError, isHoldfastError } from "@holdfast/core";
import { isObject, RpcError } from "./json-rpc.ts";
import { decodeRow, encodeRow, encodeValue, encodeWhere } from "./notation.ts";
import type { OperationResult, OvsdbOperation } from "./ovsdb.ts";
import type { DatabaseSchema } from "./schema.ts";

/** An operation as JSON (RFC 7047 section 5.2). */
export function encodeOperation(operation: OvsdbOperation): Readonly<Record<string, unknown>> {
  const { op, table } = operation;
  switch (operation.op) {
    case "insert": {
      const name = operation.named === undefined ? {} : { "uuid-name": operation.named };
      return { op, table, row: encodeRow(operation.row), ...name };
    }
    case "update":
      return { op, table, where: encodeWhere(operation.where), row: encodeRow(operation.row) };
    case "mutate": {
      const mutations = operation.mutations.map(([column, mutator, value]) => [column, mutator, encodeValue(value)]);
      return { op, table, where: encodeWhere(operation.where), mutations };
    }
    case "delete":
      return { op, table, where: encodeWhere(operation.where) };
    case "select": {
      const columns = operation.columns === undefined ? {} : { columns: ["_uuid", ...operation.columns] };
      return { op, table, where: encodeWhere(operation.where), ...columns };
    }
    case "wait": {
      const { columns, until, rows } = operation;
      return {
        op,
        table,
        timeout: 0,
        where: encodeWhere(operation.where),
        columns,
        until,
        rows: rows.map(encodeRow),
      };
    }
  }
}

/**
 * Reads the answer of `transact`. It is shorter than the list of operations or filled up with nulls when one failed, and
 * longer by an error when all succeeded but the commit did not (RFC 7047 section 4.1.3).
 *
 * @throws HoldfastError `switch_rejected`; `unavailable` when it is no such answer.
 */
export function decodeResults(
  schema: DatabaseSchema,
  operations: readonly OvsdbOperation[],
  answer: unknown,
): readonly OperationResult[] {
  if (!Array.isArray(answer)) throw new HoldfastError("unavailable", "the database server sent no list of results");
  const failed = answer.findIndex((result) => isObject(result) && typeof result.error === "string");
  if (failed >= 0) throw refused(operations, failed, answer[failed]);
  return operations.map((operation, index) => decodeResult(schema, operation, answer[index]));
}

function decodeResult(schema: DatabaseSchema, { op, table }: OvsdbOperation, json: unknown): OperationResult {
  if (!isObject(json)) throw new HoldfastError("unavailable", `the database server sent no result for ${op} ${table}`);
  const { uuid, count, rows } = json;
  if (Array.isArray(uuid)) return { uuid: String(uuid[1]) };
  if (typeof count === "number") return { count };
  if (!Array.isArray(rows)) return {};
  const types = schema.tables.get(table) ?? new Map();
  return { rows: rows.filter(isObject).map((row) => decodeRow(types, row)) };
}

function refused(operations: readonly OvsdbOperation[], index: number, json: unknown): HoldfastError {
  const { error, details } = isObject(json) ? json : {};
  const operation = operations[index];
  const where =
    operation === undefined ? "at commit" : `at operation ${index} (${operation.op} in table ${operation.table})`;
  const facts: ErrorDetails = {
    operation: index,
    ...(operation === undefined ? {} : { table: operation.table }),
    error: String(error),
    ...(typeof details === "string" ? { details } : {}),
  };
  const words = typeof details === "string" ? `${String(error)}: ${details}` : String(error);
  return new HoldfastError("switch_rejected", `the switch's database refused the transaction ${where}: ${words}`, {
    details: facts,
  });
}

/** What the server refused as a whole, e.g. `"syntax error"`, in our words; other errors as they are. */
export function asRefusal(error: unknown): unknown {
  if (!(error instanceof RpcError)) return error;
  return new HoldfastError("switch_rejected", `the switch's database refused the transaction: ${error.message}`, {
    details: { error: error.error },
    cause: error,
  });
}

/**
 * Whether a transaction was refused because a `wait` did not hold: the cache was behind, and operations built from a newer one
 * may succeed.
 */
export function isConflict(error: unknown): error is HoldfastError {
  return isHoldfastError(error, "switch_rejected") && error.details.error === "timed out";
}
