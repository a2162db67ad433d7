import type { AlarmFigures } from "../alarms/alarms.ts";
import type { Family } from "./metrics.ts";

const STATES = ["ok", "pending", "firing", "unknown", "disabled"] as const;

/** How alarms do, for Prometheus. */
export function alarmFamilies({ states, evaluations, messages }: AlarmFigures): readonly Family[] {
  return [
    {
      name: "holdfast_collector_alarms",
      help: "Alarms, by how they are.",
      type: "gauge",
      values: STATES.map((state) => [`state="${state}"`, states.get(state) ?? 0]),
    },
    {
      name: "holdfast_collector_alarm_evaluations_total",
      help: "How often an alarm was looked at.",
      type: "counter",
      values: [["", evaluations]],
    },
    {
      name: "holdfast_collector_alarm_messages_total",
      help: "Messages that webhooks took, and those that were given up.",
      type: "counter",
      values: [
        ['outcome="delivered"', messages.delivered],
        ['outcome="failed"', messages.failed],
      ],
    },
    {
      name: "holdfast_collector_alarm_messages_waiting",
      help: "Messages that no webhook has taken yet.",
      type: "gauge",
      values: [["", messages.waiting]],
    },
  ];
}
