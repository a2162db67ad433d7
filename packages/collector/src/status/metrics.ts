import type { FlowStatus } from "@holdfast/model";

/** A family of figures with the values of its labels, e.g. `['reason="version"', 3]`. */
export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  readonly values: readonly (readonly [labels: string, value: number])[];
}

/** The status in Prometheus' text format. Exporters are told together: there may be thousands. */
export function metricsText(status: FlowStatus, more: readonly Family[]): string {
  return [...families(status), ...more]
    .map(({ name, help, type, values }) => {
      const lines = values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}\n`);
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

function families({
  taken,
  lost,
  refused,
  share,
  exporterCount,
  exporters,
  inventory,
  ...status
}: FlowStatus): Family[] {
  const silent = exporters.filter(({ state }) => state === "silent").length;
  return [
    counter("datagrams", "sFlow datagrams that were taken.", [["", taken.datagrams]]),
    counter("datagram_bytes", "Bytes of them.", [["", taken.bytes]]),
    counter("samples", "Samples of all kinds in them.", [["", taken.samples]]),
    counter(
      "lost_datagrams",
      "Datagrams that were not taken: dropped by the kernel, missing by their exporters' count, or lost on their way through Redis.",
      [
        ['where="kernel"', lost.kernel],
        ['where="missing"', lost.missing],
        ['where="stream"', lost.stream ?? 0],
      ],
    ),
    counter("left_out_samples", "Flow samples beyond what is told apart.", [["", lost.leftOut]]),
    counter("early_datagrams", "Datagrams that were read before news of addresses had settled.", [["", lost.early]]),
    counter("lost_rows", "Rows of traffic that the store did not take.", [["", lost.store]]),
    counter(
      "refused",
      "What could not be read, by reason.",
      Object.entries(refused).map(([reason, count]) => [`reason="${reason}"`, count]),
    ),
    counter("unknown_formats", "Samples and records of formats that are not known.", [["", status.unknownFormats]]),
    counter("traffic_bytes", "Estimated bytes of traffic that is counted.", [["", share.bytes]]),
    counter("unattributed_bytes", "Of them, those without a name.", [["", share.unattributedBytes]]),
    gauge("exporters", "Exporters of sFlow that were heard of, and the silent ones of the first thousand.", [
      ['state="known"', exporterCount],
      ['state="silent"', silent],
    ]),
    gauge("inventory_in_step", "1 when names follow the controller.", [["", inventory.state === "in-step" ? 1 : 0]]),
    gauge("inventory_endpoints", "Endpoints that have names.", [["", inventory.endpoints]]),
    {
      name: "process_resident_memory_bytes",
      help: "Resident memory.",
      type: "gauge",
      values: [["", process.memoryUsage.rss()]],
    },
  ];
}

function counter(name: string, help: string, values: Family["values"]): Family {
  return { name: `holdfast_collector_${name}_total`, help, type: "counter", values };
}

function gauge(name: string, help: string, values: Family["values"]): Family {
  return { name: `holdfast_collector_${name}`, help, type: "gauge", values };
}
