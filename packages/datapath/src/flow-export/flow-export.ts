import { access } from "node:fs/promises";
import { backoff, type Clock, createNap, errorText, HoldfastError, type Logger, timeLimit } from "@holdfast/core";
import { flowTargetText } from "@holdfast/model";
import { connectOvsdb, isConflict, type OvsdbClient } from "@holdfast/ovsdb";
import type { RowStatus } from "../driver.ts";
import { EXPORT_MONITORS, exportChange } from "./export-rows.ts";
import { countExportSockets } from "./export-sockets.ts";
import type { FlowExportSettings } from "./settings.ts";

/** Keeps the switch of a node exporting sFlow, whatever is restarted, and looks whether it does. */
export interface FlowExport {
  /** How it should export from now on; undefined: not at all, and what an earlier run has set is taken away. */
  set(settings: FlowExportSettings | undefined): void;
  /** What is not as it should be, with the reason; empty when all is well. */
  status(): readonly RowStatus[];
  close(): Promise<void>;
}

export interface FlowExportOptions {
  /** Name of this node: only bridges that are marked as its own export. */
  readonly node: string;
  /** Where Open vSwitch keeps its sockets, e.g. `"/run/openvswitch"`. */
  readonly runDirectory: string;
  /** Tables of sockets in the switch's network namespace. Default: `"/proc/self/net"`. */
  readonly socketTables?: string;
}

/** Milliseconds between two looks at what no event tells of. */
const LOOK_AGAIN = 60_000;
const FIRST_PAUSE = 1000;
/** Milliseconds in which ovs-vswitchd must have put a change into force. */
const CONFIGURED_LIMIT = 10_000;

/** Does nothing until it is told how to export. */
export function startFlowExport(
  dependencies: { readonly logger: Logger; readonly clock: Clock },
  options: FlowExportOptions,
): FlowExport {
  const { clock } = dependencies;
  const { node, runDirectory, socketTables = "/proc/self/net" } = options;
  const logger = dependencies.logger.child({ component: "flow-export" });
  const closing = new AbortController();
  const { signal } = closing;
  const nap = createNap(clock);
  let wanted: { readonly settings: FlowExportSettings | undefined } | undefined;
  let problem: RowStatus | undefined;
  let client: OvsdbClient | undefined;
  let following: Promise<void> = Promise.resolve();
  /** Something has changed since the last look began. */
  let isStale = true;

  function wake(): void {
    isStale = true;
    nap.wake();
  }

  async function connected(): Promise<OvsdbClient> {
    if (client !== undefined) return client;
    const opened = await connectOvsdb(dependencies, {
      path: `${runDirectory}/db.sock`,
      database: "Open_vSwitch",
      monitors: EXPORT_MONITORS,
      signal,
    });
    client = opened;
    following = follow(opened);
    return opened;
  }

  async function follow(opened: OvsdbClient): Promise<void> {
    try {
      for await (const { table } of opened.watch(signal)) if (table !== "Open_vSwitch") wake();
    } catch (error) {
      if (!signal.aborted) logger.warn("changes of the switch are not followed", { error: errorText(error) });
    }
  }

  /** Brings the switch to what is wanted, and gives why it does not export all the same. */
  async function look(settings: FlowExportSettings | undefined): Promise<string | undefined> {
    // A machine without Open vSwitch has nothing to export, and may get one.
    if (client === undefined && !(await exists(`${runDirectory}/db.sock`))) return undefined;
    const database = await connected();
    const change = exportChange(database, node, settings);
    if (change.operations.length > 0) {
      await commit(database, change.operations);
      logger.info(settings === undefined ? "sflow export ended" : "sflow export set", {
        bridges: change.bridges.join(),
      });
    }
    if (settings === undefined) return undefined;
    const [foreign] = change.foreign;
    if (foreign !== undefined)
      return `bridge ${foreign} exports sFlow as somebody else has set it; end that with: ovs-vsctl clear bridge ${foreign} sflow`;
    const why = await whyNoSockets(settings, change.bridges.length);
    // What the switch has given up, it tries again with the next change of its configuration, whatever that is.
    if (why !== undefined) await commit(database, []);
    return why;
  }

  /** Counts `next_cfg` up with it, and waits until the switch has come to that. */
  async function commit(
    database: OvsdbClient,
    operations: readonly Parameters<OvsdbClient["transact"]>[0][number][],
  ): Promise<void> {
    const [root] = database.table("Open_vSwitch").values();
    if (root === undefined) throw new HoldfastError("unavailable", "the switch's database is empty");
    const where = [["_uuid", "==", { uuid: root.uuid }]] as const;
    const counted = await database.transact(
      [
        ...operations,
        { op: "mutate", table: "Open_vSwitch", where, mutations: [["next_cfg", "+=", 1]] },
        { op: "select", table: "Open_vSwitch", where, columns: ["next_cfg"] },
      ],
      signal,
    );
    const sequence = Number(counted.at(-1)?.rows?.[0]?.columns.next_cfg);
    const limit = timeLimit(clock, CONFIGURED_LIMIT, signal);
    await database.until((now) => {
      const [row] = now.table("Open_vSwitch").values();
      return Number(row?.columns.cur_cfg) >= sequence ? true : undefined;
    }, limit);
  }

  async function whyNoSockets(settings: FlowExportSettings, bridges: number): Promise<string | undefined> {
    for (const target of settings.targets) {
      if ((await countExportSockets(socketTables, target)) >= bridges) continue;
      return `Open vSwitch sends nothing to ${flowTargetText(target)}; ovs-vswitchd's log says why, e.g. no route to it`;
    }
    return undefined;
  }

  function tell(error: string | undefined, attempts: number): void {
    if (error !== problem?.error) {
      if (error === undefined) logger.info("sflow export is as it should be");
      else logger.warn("sflow export is not as it should be", { error });
    }
    problem = error === undefined ? undefined : { row: "flow-export", state: "error", attempts, error };
  }

  async function run(): Promise<void> {
    for (let attempt = 0; !signal.aborted; ) {
      const asked = wanted;
      isStale = false;
      const error = asked === undefined ? undefined : await look(asked.settings).catch((failure: unknown) => failure);
      if (signal.aborted) return;
      if (isConflict(error)) continue;
      attempt = error === undefined ? 0 : attempt + 1;
      tell(error === undefined ? undefined : typeof error === "string" ? error : errorText(error), attempt);
      if (isStale) continue;
      const pause = backoff(attempt - 1, { first: FIRST_PAUSE, longest: LOOK_AGAIN });
      await nap.sleep(attempt === 0 ? LOOK_AGAIN : pause, signal);
    }
  }

  const running = run();
  return {
    set(settings) {
      wanted = { settings };
      wake();
    },
    status: () => (problem === undefined ? [] : [problem]),
    async close() {
      closing.abort(new HoldfastError("unavailable", "the export of sFlow was ended"));
      await running;
      await client?.close();
      await following;
    },
  };
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
