import { isHoldfastError } from "@holdfast/core";
import { type Flow, flowKey, formatFlow, type OpenFlowSwitch } from "@holdfast/openflow";
import type { Operations, TableDefinition } from "../../../reconcile/operations.ts";
import type { FlowRow } from "../flow-row.ts";
import { isPolicyCookie, OUR_COOKIES } from "../pipeline/layout.ts";
import { meterRow } from "./meters.ts";

/**
 * Flows of one bridge, but for those of policies. Ours carry the magic cookie. What the switch has is dumped once per connection and known from then on, so that a
 * flow that is right is never sent again and keeps its counters.
 */
export interface FlowOperations extends Operations<FlowRow> {
  /** The switch may have other flows than we think: it was restarted, or out of sight. */
  forget(): void;
  /** What the switch has of ours. */
  observe(): Promise<readonly Flow[]>;
  /** Removes what the switch has with this cookie, whoever put it there. */
  removeCookie(cookie: bigint, signal: AbortSignal): Promise<void>;
}

export function createFlowOperations(connection: OpenFlowSwitch): FlowOperations {
  let observed: Promise<Map<string, ObservedRow>> | undefined;

  const dump = async (): Promise<Map<string, ObservedRow>> => {
    const flows = await connection.dump(OUR_COOKIES);
    const own = flows.filter(({ flow }) => !isPolicyCookie(flow.cookie));
    return new Map(own.map(({ flow }) => [flowKey(flow), { flow, text: formatFlow(flow) }]));
  };
  const observe = (): Promise<Map<string, ObservedRow>> => {
    observed ??= dump().catch((error: unknown) => {
      observed = undefined;
      throw error;
    });
    return observed;
  };
  const apply = async (add: readonly FlowRow[], remove: readonly string[], signal: AbortSignal): Promise<void> => {
    const known = await observe();
    const changed = add.filter((row) => known.get(row.key)?.text !== row.text);
    const gone = remove.flatMap((key) => known.get(key)?.flow ?? []);
    if (changed.length + gone.length === 0) return;
    try {
      await connection.apply({ add: changed.map((row) => row.flow), remove: gone }, signal);
    } catch (error) {
      // Whether it was done is not known when the connection broke on the way.
      if (isHoldfastError(error, "unavailable")) observed = undefined;
      throw error;
    }
    for (const key of remove) known.delete(key);
    for (const row of changed) known.set(row.key, { flow: row.flow, text: row.text });
  };

  return {
    update: (rows, signal) => apply(rows, [], signal),
    remove: (rows, signal) =>
      apply(
        [],
        rows.map((row) => row.key),
        signal,
      ),
    async prune(desired, signal) {
      const wanted = new Set(desired.map((row) => row.key));
      const orphans = [...(await observe()).keys()].filter((key) => !wanted.has(key));
      await apply([], orphans, signal);
    },
    forget() {
      observed = undefined;
    },
    async observe() {
      return (await observe())
        .values()
        .map((row) => row.flow)
        .toArray();
    },
    async removeCookie(cookie, signal) {
      const rows = [...(await observe()).entries()].filter(([, row]) => row.flow.cookie === cookie);
      await apply(
        [],
        rows.map(([key]) => key),
        signal,
      );
    },
  };
}

interface ObservedRow {
  readonly flow: Flow;
  readonly text: string;
}

/** Flows of a bridge need the bridge; those of a link need it plugged; and those with a meter, that. */
export function flowTable(name: string, bridge: string, operations: FlowOperations): TableDefinition<FlowRow> {
  return {
    name,
    operations,
    key: (row) => row.key,
    same: (a, b) => a.text === b.text,
    needs: (row) => [
      { table: "bridges", key: bridge },
      ...(row.port === undefined ? [] : [row.port]),
      ...row.flow.actions.flatMap((action) => (action.kind === "meter" ? [meterRow(action.id)] : [])),
    ],
  };
}
