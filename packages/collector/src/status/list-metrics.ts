import type { FlowListStatus } from "@holdfast/model";
import type { Family } from "./metrics.ts";

/** How it goes with the list that others take flows from, for Prometheus. */
export function listFamilies({ pushed, dropped, waitingWindows }: FlowListStatus): readonly Family[] {
  return [
    {
      name: "holdfast_collector_list_documents_total",
      help: "Documents put into the list of Redis, and those dropped because nobody took them in time or Redis was away.",
      type: "counter",
      values: [
        ['outcome="pushed"', pushed],
        ['outcome="dropped"', dropped],
      ],
    },
    {
      name: "holdfast_collector_list_waiting_windows",
      help: "Windows that wait for Redis to take their documents.",
      type: "gauge",
      values: [["", waitingWindows]],
    },
  ];
}
