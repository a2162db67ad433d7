/**
 * A connection to one database of an OVSDB server (RFC 7047), with a cache of the monitored tables that is kept up to date
 * by the server and survives reconnects.
 */
export interface OvsdbClient {
  /** Rows of a monitored table by UUID. A snapshot: it never changes; each update makes a new one. */
  table(name: string): ReadonlyMap<string, Row>;

  /**
   * All operations or none (RFC 7047 section 5.2). Gives one result per operation.
   *
   * @throws HoldfastError `switch_rejected` with the server's words and the operation's index and table; `unavailable` when the
   * connection broke: whether the transaction happened is then unknown.
   */
  transact(operations: readonly OvsdbOperation[], signal: AbortSignal): Promise<readonly OperationResult[]>;

  /**
   * Resolves with the first answer of `probe` that is not undefined, asked now and after every cache change. No polling.
   *
   * @throws the signal's reason.
   */
  until<T>(probe: (client: OvsdbClient) => T | undefined, signal: AbortSignal): Promise<T>;

  /** Row changes of monitored tables from now on, until the signal is aborted. */
  watch(signal: AbortSignal): AsyncIterable<RowChange>;

  /** Whether the connection stands and the cache is in step. */
  readonly connected: boolean;

  close(): Promise<void>;
}

/** A column's value: sets are arrays (also of one or none), maps are `Map`s, a UUID is `{ uuid }`. A column of one is that one. */
export type Value = Atom | readonly Atom[] | ReadonlyMap<Atom, Atom>;
export type Atom = string | number | boolean | UuidRef;
export interface UuidRef {
  readonly uuid: string;
}

/** The monitored columns, decoded by the schema; with `_uuid` as text under `uuid`. */
export interface Row {
  readonly uuid: string;
  readonly columns: Readonly<Record<string, Value>>;
}

export interface RowChange {
  readonly table: string;
  readonly uuid: string;
  /** Absent for a new row. */
  readonly before?: Row;
  /** Absent for a deleted row. */
  readonly after?: Row;
}

/** `named` is a UUID name that later operations of the same transaction refer to. */
export type OvsdbOperation =
  | { readonly op: "insert"; readonly table: string; readonly row: WireRow; readonly named?: string }
  | { readonly op: "update"; readonly table: string; readonly where: readonly WhereClause[]; readonly row: WireRow }
  | {
      readonly op: "mutate";
      readonly table: string;
      readonly where: readonly WhereClause[];
      readonly mutations: readonly Mutation[];
    }
  | { readonly op: "delete"; readonly table: string; readonly where: readonly WhereClause[] }
  | {
      readonly op: "select";
      readonly table: string;
      readonly where: readonly WhereClause[];
      readonly columns?: readonly string[];
    }
  | {
      /** Aborts the transaction unless the condition holds now (timeout 0): optimistic concurrency. */
      readonly op: "wait";
      readonly table: string;
      readonly where: readonly WhereClause[];
      readonly columns: readonly string[];
      readonly until: "==" | "!=";
      readonly rows: readonly WireRow[];
    };

/** Values to send; `{ named }` points at an insert of the same transaction. */
export type WireValue = Value | NamedRef | readonly (Atom | NamedRef)[];
export interface NamedRef {
  readonly named: string;
}
export type WireRow = Readonly<Record<string, WireValue>>;
export type WhereClause = readonly [column: string, operator: "==" | "!=" | "includes" | "excludes", value: Value];
export type Mutation = readonly [column: string, mutator: "insert" | "delete" | "+=" | "-=", value: WireValue];

export type OperationResult = {
  /** Of an insert: the new row's UUID. */
  readonly uuid?: string;
  /** Of update, mutate, delete: how many rows. */
  readonly count?: number;
  /** Of a select. */
  readonly rows?: readonly Row[];
};
