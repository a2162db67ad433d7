export { connectOvsdb, type OvsdbOptions } from "./connect-ovsdb.ts";
export type { MonitorRequest } from "./monitor.ts";
export type {
  Atom,
  Mutation,
  NamedRef,
  OperationResult,
  OvsdbClient,
  OvsdbOperation,
  Row,
  RowChange,
  UuidRef,
  Value,
  WhereClause,
  WireRow,
  WireValue,
} from "./ovsdb.ts";
export { isConflict } from "./transaction.ts";
