import { type BackoffOptions, type Clock, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { RowStatus } from "../driver.ts";
import type { TableDefinition } from "./operations.ts";
import { Table, type TableSurroundings } from "./table.ts";

/**
 * Tables of desired rows and one job for each that brings its target to them.
 *
 * Event-driven: a job sleeps until a row changes, a row it waits for is done, a failed row is due again, or somebody calls
 * {@link Reconciler.refresh} because the target was out of sight. One failing row never holds up the others.
 */
export class Reconciler {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #backoff: BackoffOptions;
  readonly #closing = new AbortController();
  readonly #tables: Table<unknown>[] = [];
  readonly #byName = new Map<string, Table<unknown>>();
  readonly #holders = new Map<string, Set<string>>();
  readonly #jobs: Promise<void>[] = [];
  #synced = false;

  constructor({ clock, logger }: { readonly clock: Clock; readonly logger: Logger }, options: BackoffOptions = {}) {
    this.#clock = clock;
    this.#logger = logger.child({ component: "reconciler" });
    this.#backoff = options;
  }

  /** Adds a table. Declare them in the order of {@link TableDefinition.needs}: pruning goes the other way round. */
  table<T>(definition: TableDefinition<T>): Table<T> {
    const table = new Table<T>(definition, this.#surroundings());
    this.#tables.push(table as unknown as Table<unknown>);
    this.#byName.set(definition.name, table as unknown as Table<unknown>);
    this.#jobs.push(table.run());
    return table;
  }

  /** The desired state is complete. Resolves when what is ours and not desired has been removed once from every target. */
  async synced(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#synced = true;
    await Promise.race([this.#pruneAll(), aborted(signal)]);
  }

  /** Targets were out of sight: compares every row of the named tables again (all when none is named), and prunes when synced. */
  refresh(...names: readonly string[]): void {
    const tables = this.#tables.filter((table) => names.length === 0 || names.includes(table.name));
    for (const table of tables) table.refresh();
    if (!this.#synced) return;
    for (const table of tables) {
      table.prune().catch((error: unknown) => this.#logger.debug("pruning ended", { error: errorText(error) }));
    }
  }

  status(): readonly RowStatus[] {
    return this.#tables.flatMap((table) => table.status());
  }

  async close(): Promise<void> {
    this.#closing.abort(new HoldfastError("unavailable", "the data path driver was closed"));
    await Promise.all(this.#jobs);
  }

  async #pruneAll(): Promise<void> {
    for (const table of this.#tables.toReversed()) await table.prune();
  }

  #surroundings(): TableSurroundings {
    return {
      clock: this.#clock,
      logger: this.#logger,
      backoff: this.#backoff,
      signal: this.#closing.signal,
      isDone: (ref) => {
        const [name, key] = splitRef(ref);
        return this.#byName.get(name)?.isDone(key) ?? false;
      },
      isHeld: (ref) => (this.#holders.get(ref)?.size ?? 0) > 0,
      hold: (ref, holder) => {
        const holders = this.#holders.get(ref) ?? new Set();
        this.#holders.set(ref, holders.add(holder));
      },
      release: (ref, holder) => {
        const holders = this.#holders.get(ref);
        holders?.delete(holder);
        if (holders?.size === 0) this.#holders.delete(ref);
      },
      progressed: () => {
        for (const table of this.#tables) table.progress();
      },
    };
  }
}

function splitRef(ref: string): [table: string, key: string] {
  const space = ref.indexOf(" ");
  return [ref.slice(0, space), ref.slice(space + 1)];
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}
