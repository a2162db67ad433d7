import type { FlowStoreState } from "../store/store.ts";
import type { Family } from "./metrics.ts";

/** How the store does, for Prometheus. */
export function storeFamilies({ failing, taken, lost, bytes }: FlowStoreState): readonly Family[] {
  return [
    {
      name: "holdfast_collector_store_windows_total",
      help: "Windows that the store took, and those that it lost.",
      type: "counter",
      values: [
        ['outcome="taken"', taken.windows],
        ['outcome="lost"', lost.windows],
      ],
    },
    {
      name: "holdfast_collector_store_rows_total",
      help: "Rows that the store took, and those that it lost, of windows that it took included.",
      type: "counter",
      values: [
        ['outcome="taken"', taken.rows],
        ['outcome="lost"', lost.rows],
      ],
    },
    {
      name: "holdfast_collector_store_failing",
      help: "1 when the store takes no traffic.",
      type: "gauge",
      values: [["", failing === undefined ? 0 : 1]],
    },
    {
      name: "holdfast_collector_store_bytes",
      help: "Bytes of the store on disk.",
      type: "gauge",
      values: [["", bytes]],
    },
  ];
}
