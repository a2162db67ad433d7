import { type FlowAlarm, flowAlarmLevels, type NewFlowAlarm, routes } from "@holdfast/model";
import { differences } from "./changes.ts";
import type { Written } from "./documents.ts";
import { type Applied, orAbsent, type Target } from "./target.ts";

/** A document says the whole alarm. Of a webhook only the server and whether messages are signed can be compared: nothing else of it is ever told. */
export async function applyFlowAlarm(
  { client, call, dryRun }: Target,
  { document: { metadata, spec }, says }: Written<"FlowAlarm">,
): Promise<Applied> {
  const { tenant, name } = metadata;
  const request = { params: { alarm: name }, query: { tenant } };
  const document = `alarm ${tenant === undefined ? "" : `${tenant}/`}${name}`;
  const existing = await orAbsent(client.call(routes.getFlowAlarm, request, call));
  const labels = existing === undefined || says("metadata", "labels") ? metadata.labels : existing.labels;
  const body = { ...spec, labels };
  if (existing === undefined) {
    if (!dryRun) await client.call(routes.putFlowAlarm, { ...request, body }, call);
    return { document, outcome: "created", changes: [] };
  }
  const [before, after] = [comparable(existing), comparable({ ...body, webhook: toldOf(spec.webhook) })];
  const changes = differences("", before, after).map((change) => change.replace(/^\./, ""));
  if (dryRun) return { document, outcome: changes.length === 0 ? "unchanged" : "changed", changes };
  const { updatedAt } = await client.call(routes.putFlowAlarm, { ...request, body }, call);
  const isChanged = updatedAt !== existing.updatedAt;
  if (isChanged && changes.length === 0) changes.push("webhook");
  return { document, outcome: isChanged ? "changed" : "unchanged", changes: isChanged ? changes : [] };
}

function comparable(
  alarm: Pick<
    FlowAlarm | NewFlowAlarm,
    "on" | "over" | "when" | "raise" | "clear" | "enabled" | "description" | "labels"
  > & { readonly webhook?: FlowAlarm["webhook"] },
) {
  const { on, over, when, raise, clear, enabled, description, labels, webhook } = alarm;
  const levels = flowAlarmLevels({ on, raise, clear });
  return {
    on,
    over,
    when,
    raise: { at: levels.raise, for: raise.for },
    clear: { at: levels.clear, for: clear.for },
    enabled,
    description,
    labels,
    webhook,
  };
}

function toldOf(webhook: NewFlowAlarm["webhook"]): FlowAlarm["webhook"] {
  return webhook && { origin: new URL(webhook.url).origin, signed: webhook.secret !== undefined };
}
