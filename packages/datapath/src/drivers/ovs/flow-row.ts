import { type Flow, flowKey, formatFlow } from "@holdfast/openflow";
import type { RowRef } from "../../reconcile/operations.ts";
import { type Rule, withCookie } from "./pipeline/layout.ts";

/** A flow as a row, with its texts made once. */
export interface FlowRow {
  /** What makes it the same entry in a switch, e.g. `"table=0, priority=100,in_port=3"`. */
  readonly key: string;
  /** What `ovs-ofctl dump-flows --no-stats` prints. */
  readonly text: string;
  readonly flow: Flow;
  /** The port that must be there before, e.g. `{ table: "links", key: "hfp1000" }`. */
  readonly port?: RowRef;
}

export function flowRows(rules: readonly Rule[], cookie: bigint, port?: RowRef): readonly FlowRow[] {
  return withCookie(rules, cookie).map((flow) => ({
    key: flowKey(flow),
    text: formatFlow(flow),
    flow,
    ...(port === undefined ? {} : { port }),
  }));
}
