import {
  type FlowAlarm,
  type FlowAlarmDetail,
  type FlowAlarmGroup,
  type FlowAlarmState,
  flowAlarmLevels,
  flowAlarmUnit,
} from "@holdfast/model";
import { timeText } from "../api/told-times.ts";
import type { AlarmBook } from "./book.ts";
import { alarmId, type KeptAlarm, type KeptGroup } from "./kept.ts";
import type { Seen } from "./watcher.ts";

/** An alarm and how it is. Where its messages go is told no further than by the server's name: the rest of an address may be a secret. */
export function alarmAnswer(book: AlarmBook, { name, tenant, spec, ...kept }: KeptAlarm, seen: Seen): FlowAlarm {
  const id = alarmId({ name, tenant });
  const levels = flowAlarmLevels(spec);
  const groups = [...book.groups(id).values()];
  const [firing, pending] = [sinceOf(groups, "firing"), sinceOf(groups, "pending")];
  const state = stateOf(spec.enabled, { firing: firing.length, pending: pending.length }, seen);
  const since = state === "firing" ? Math.min(...firing) : state === "pending" ? Math.min(...pending) : undefined;
  const { webhook, description, on, over, when, enabled, labels } = spec;
  return {
    name,
    ...(tenant === undefined ? {} : { tenant }),
    on,
    over,
    when,
    unit: flowAlarmUnit(on),
    raise: { at: levels.raise, for: spec.raise.for },
    clear: { at: levels.clear, for: spec.clear.for },
    enabled,
    ...(description === undefined ? {} : { description }),
    labels,
    ...(webhook === undefined
      ? {}
      : { webhook: { origin: new URL(webhook.url).origin, signed: webhook.secret !== undefined } }),
    createdAt: timeText(kept.createdAt),
    updatedAt: timeText(kept.updatedAt),
    state,
    ...(since === undefined ? {} : { since: timeText(since) }),
    firing: firing.length,
    pending: pending.length,
    leftOut: seen.leftOut,
    ...(seen.at === undefined ? {} : { evaluatedAt: timeText(seen.at) }),
    ...(seen.problem === undefined ? {} : { problem: seen.problem }),
    ...messagesOf(book, id),
  };
}

/** With its groups: raised ones first, then those about to be, each by value. */
export function alarmDetail(book: AlarmBook, alarm: KeptAlarm, seen: Seen): FlowAlarmDetail {
  const groups = Array.from(book.groups(alarmId(alarm)), ([id, { key, phase }]): FlowAlarmGroup => {
    const { value, errorPercent } = seen.values.get(id) ?? {};
    return {
      key: seen.values.get(id)?.key ?? key,
      state: phase.kind,
      since: timeText(phase.since),
      ...(value === undefined ? {} : { value }),
      ...(errorPercent === undefined ? {} : { errorPercent }),
    };
  });
  const order = ["firing", "pending", "ok"];
  const sign = alarm.spec.when === "above" ? 1 : -1;
  groups.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || sign * ((b.value ?? 0) - (a.value ?? 0)));
  return { ...alarmAnswer(book, alarm, seen), groups };
}

function stateOf(
  enabled: boolean,
  { firing, pending }: { readonly firing: number; readonly pending: number },
  { at, problem }: Seen,
): FlowAlarmState {
  if (!enabled) return "disabled";
  if (firing > 0) return "firing";
  if (at === undefined || problem !== undefined) return "unknown";
  return pending > 0 ? "pending" : "ok";
}

function sinceOf(groups: readonly KeptGroup[], kind: KeptGroup["phase"]["kind"]): readonly number[] {
  return groups.filter(({ phase }) => phase.kind === kind).map(({ phase }) => phase.since);
}

function messagesOf(book: AlarmBook, id: string): Pick<FlowAlarm, "waitingMessages" | "webhookProblem"> {
  let waitingMessages = 0;
  let webhookProblem: string | undefined;
  let isNewest = true;
  for (const { event } of book.events.before(Number.POSITIVE_INFINITY, id)) {
    if (event.message === undefined) continue;
    if (event.message.state === "waiting") waitingMessages += 1;
    const isTried = event.message.tries > 0 || event.message.state === "failed";
    if (isNewest && isTried) [webhookProblem, isNewest] = [event.message.error, false];
  }
  return { waitingMessages, ...(webhookProblem === undefined ? {} : { webhookProblem }) };
}
