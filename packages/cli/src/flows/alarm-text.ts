import type { FlowAlarm, FlowAlarmDetail, FlowAlarmEvent, FlowAlarmGroup, FlowAlarmTest } from "@holdfast/model";
import { type Column, formatDetails, formatTable } from "../output/table.ts";
import { ageText, durationText, labelText } from "../output/words.ts";
import { errorMargin, percentText, rateText } from "./figures.ts";
import { keyText } from "./key-text.ts";

/** A value in its unit: `"12.0 Mbit/s"`, `"340 /s"`, `"5.0%"`, `"2 minutes"`. */
export function levelText(value: number | undefined, unit: string): string {
  if (value === undefined) return "";
  switch (unit) {
    case "bit/s":
      return rateText(value / 8, 1, "bytes");
    case "packet/s":
      return rateText(value, 1, "packets");
    case "%":
      return percentText(value);
    default:
      return durationText(value * 1000);
  }
}

/** `"rate by identity, network=web"`. */
export function subjectText({ on }: Pick<FlowAlarm, "on">): string {
  if (on.kind === "unattributed") return "share without a name";
  if (on.kind === "silent") return "silent exporters";
  if (on.kind === "drops") return "drops of ports";
  if (on.kind === "denied") return "drops of policies";
  const by = on.by === undefined || on.by === "" ? "" : ` by ${on.by}`;
  const filter = on.filter === undefined || on.filter === "" ? "" : `, ${on.filter}`;
  return `${on.kind}${by}${filter}`;
}

/** `"≥ 100 Mbit/s for 1m"`. */
function raiseText({ when, raise, unit }: FlowAlarm): string {
  return `${when === "above" ? "≥" : "≤"} ${levelText(raise.at, unit)}${waitText(raise.for)}`;
}

function clearText({ when, clear, unit }: FlowAlarm): string {
  return `${when === "above" ? "<" : ">"} ${levelText(clear.at, unit)}${waitText(clear.for)}`;
}

function waitText(duration: string): string {
  return /^0+[a-z]+$/.test(duration) ? "" : ` for ${duration}`;
}

function stateText({ state, firing, pending }: FlowAlarm): string {
  const count = state === "firing" ? firing : state === "pending" ? pending : 0;
  return count > 1 ? `${state} (${count})` : state;
}

export function alarmColumns(now: Date): readonly Column<FlowAlarm>[] {
  return [
    { title: "TENANT", text: ({ tenant }) => tenant ?? "" },
    { title: "NAME", text: ({ name }) => name },
    { title: "STATE", text: stateText },
    { title: "FOR", text: ({ since }) => (since === undefined ? "" : ageText(since, now)) },
    { title: "ON", text: subjectText },
    { title: "RAISED", text: raiseText },
    { title: "CLEARED", text: clearText },
    {
      title: "WEBHOOK",
      text: ({ webhook, webhookProblem }) => (webhookProblem === undefined ? (webhook?.origin ?? "") : "failing"),
    },
  ];
}

export function alarmText(alarm: FlowAlarmDetail, now: Date): string {
  const { tenant, description, since, webhook, problem, webhookProblem, evaluatedAt, labels } = alarm;
  const details = formatDetails([
    ["name", alarm.name],
    ["tenant", tenant ?? "none: the platform's own"],
    ...(description === undefined ? [] : [["description", description] as const]),
    ["state", `${stateText(alarm)}${since === undefined ? "" : `, since ${ageText(since, now)}`}`],
    ["on", subjectText(alarm)],
    ["over", alarm.over],
    ["raised", raiseText(alarm)],
    ["cleared", clearText(alarm)],
    ["looked at", evaluatedAt === undefined ? "not yet" : `${ageText(evaluatedAt, now)} ago`],
    ...(problem === undefined ? [] : [["problem", problem] as const]),
    ...(alarm.leftOut === 0 ? [] : [["left out", `${alarm.leftOut} groups: there are too many`] as const]),
    ["webhook", webhook === undefined ? "none" : `${webhook.origin}, ${webhook.signed ? "signed" : "not signed"}`],
    ...(alarm.waitingMessages === 0 ? [] : [["waiting", `${alarm.waitingMessages} messages`] as const]),
    ...(webhookProblem === undefined ? [] : [["not taken", webhookProblem] as const]),
    ["labels", labelText(labels)],
  ]);
  if (alarm.groups.length === 0) return details;
  return `${details}\n${formatTable(groupColumns(alarm, now), alarm.groups)}`;
}

function groupColumns({ groups, unit }: FlowAlarmDetail, now: Date): readonly Column<FlowAlarmGroup>[] {
  return [
    ...keyColumns<FlowAlarmGroup>(groups.map(({ key }) => key)),
    { title: "STATE", text: ({ state }) => state },
    { title: "FOR", text: ({ since }) => ageText(since, now) },
    { title: "VALUE", text: ({ value }) => levelText(value, unit) },
    { title: "ERROR", text: marginText },
  ];
}

/** A column for each field of the keys; none where all traffic is one. */
function keyColumns<T extends { readonly key: FlowAlarmGroup["key"] }>(
  keys: readonly FlowAlarmGroup["key"][],
): readonly Column<T>[] {
  const names = [...new Set(keys.flatMap((key) => Object.keys(key)))];
  return names.map((name) => ({ title: name.toUpperCase(), text: ({ key }) => keyText(key, name) }));
}

function marginText({ errorPercent }: { readonly errorPercent?: number | undefined }): string {
  return errorPercent === undefined ? "" : errorMargin({ samples: 1, errorPercent });
}

export function eventColumns(now: Date): readonly Column<FlowAlarmEvent>[] {
  return [
    { title: "AGO", text: ({ at }) => ageText(at, now) },
    { title: "TENANT", text: ({ tenant }) => tenant ?? "" },
    { title: "ALARM", text: ({ alarm }) => alarm },
    { title: "EVENT", text: ({ event }) => event },
    {
      title: "WHAT",
      text: ({ key }) =>
        Object.keys(key)
          .map((name) => keyText(key, name) || "-")
          .join(" / "),
    },
    { title: "VALUE", text: ({ value, unit }) => levelText(value, unit) },
    { title: "LEVEL", text: ({ level, unit }) => levelText(level, unit) },
    { title: "LASTED", text: ({ seconds }) => (seconds === undefined ? "" : durationText(seconds * 1000)) },
    { title: "MESSAGE", text: messageText },
  ];
}

function messageText({ message }: FlowAlarmEvent): string {
  if (message === undefined) return "";
  const tries = message.tries > 1 ? ` (${message.tries} tries)` : "";
  return `${message.state}${tries}${message.error === undefined ? "" : `: ${message.error}`}`;
}

export function testText({ unit, groups, problem, webhook }: FlowAlarmTest): string {
  const columns: readonly Column<FlowAlarmTest["groups"][number]>[] = [
    ...keyColumns<FlowAlarmTest["groups"][number]>(groups.map(({ key }) => key)),
    { title: "VALUE", text: ({ value }) => levelText(value, unit) },
    { title: "ERROR", text: marginText },
    { title: "BEYOND", text: ({ beyond }) => (beyond ? "yes" : "no") },
  ];
  const seen = problem ?? (groups.length === 0 ? "it sees nothing" : undefined);
  return `${seen === undefined ? formatTable(columns, groups) : `${seen}\n`}${webhookText(webhook)}`;
}

function webhookText(webhook: FlowAlarmTest["webhook"]): string {
  if (webhook === undefined) return "no webhook\n";
  const { delivered, milliseconds, error } = webhook;
  return delivered
    ? `the webhook took a test message in ${Math.round(milliseconds)} ms\n`
    : `the webhook did not take a test message: ${error}\n`;
}
