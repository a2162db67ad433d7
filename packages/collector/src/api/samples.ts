import {
  type EndField,
  endFields,
  type PacketField,
  packetFields,
  parseTrafficFilter,
  type TrafficField,
} from "@holdfast/flow";
import type { FlowSample, RouteRequest, Routes } from "@holdfast/model";
import type { Predicate, SampleAnswer, SamplePlan } from "../query/plan.ts";
import { planQuestion } from "../query/planner.ts";
import type { FlowStore } from "../store/store.ts";
import { type Moment, timeRange } from "./range.ts";
import { refused } from "./refused.ts";
import { timeText } from "./told-times.ts";

const SIDES = ["source", "destination"] as const;

/** All that a sample has. */
const FIELDS: readonly TrafficField[] = [
  ...SIDES.flatMap((role) => endFields.map((field): TrafficField => ({ kind: "end", role, field }))),
  ...packetFields.map((field): TrafficField => ({ kind: "packet", field })),
];

/** Which samples somebody means, and what he may see of them. @throws HoldfastError `invalid_argument` for the filter */
export function planSamples(filter: string, tenant: string | undefined): Pick<SamplePlan, "where" | "columns"> {
  const { parts, asked } = planQuestion({ by: FIELDS, filter: parseTrafficFilter(filter), tenant });
  const where: Predicate = asked;
  return { where, columns: parts[0]?.keys ?? [] };
}

/** The newest first. @throws HoldfastError `invalid_argument`, naming the parameter; `unavailable` */
export async function flowSamples(
  store: FlowStore,
  { filter = "", tenant, limit, verdict, ...range }: RouteRequest<Routes["flowSamples"]>["query"],
  moment: Moment,
): Promise<{ readonly items: FlowSample[] }> {
  if (verdict === "true") throw refused("verdict", "a controller knows policies, and a collector does not; ask there");
  const found = await store.samples({ ...timeRange(range, moment), ...planSamples(filter, tenant), limit });
  return { items: found.map(sampleText) };
}

/** A sample in words. */
export function sampleText({
  at,
  values,
  sourcePort,
  destinationPort,
  tcpFlags,
  bytes,
  rate,
}: SampleAnswer): FlowSample {
  const told: Record<(typeof SIDES)[number], Record<string, unknown>> = {
    source: sourcePort === undefined ? {} : { port: sourcePort },
    destination: destinationPort === undefined ? {} : { port: destinationPort },
  };
  const packet: Partial<Record<PacketField, unknown>> = {};
  for (const [index, field] of FIELDS.entries()) {
    const value = values[index] ?? null;
    if (value === null || (Array.isArray(value) && value.length === 0)) continue;
    if (field.kind === "packet") packet[field.field] = value;
    else if (field.kind === "end") told[field.role as (typeof SIDES)[number]][endName(field.field)] = value;
  }
  return {
    at: timeText(at),
    ...told,
    attributed: false,
    ...packet,
    ...(tcpFlags === undefined ? {} : { tcpFlags }),
    bytes,
    rate,
  } as FlowSample;
}

function endName(field: EndField): string {
  return field === "group" ? "groups" : field;
}
