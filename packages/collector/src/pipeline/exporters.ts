import type { ExporterState } from "@holdfast/flow";
import type { FlowExporter } from "@holdfast/model";

/** So many are told one by one. */
export const MOST_EXPORTERS = 1000;
const MOST_RATES = 16;
/** Milliseconds. Counters come every 30 s where nothing else does. */
const SILENT_AFTER = 60_000;

/** Follows which exporters are heard of. */
export interface ExporterBook {
  /** Takes what a window says of them, at the window's end. */
  take(exporters: readonly ExporterState[], at: number): void;
  list(at: number, nodeOf: (agent: string) => string | undefined): FlowExporter[];
  readonly count: number;
  /** Datagrams that are missing, of all together. */
  readonly missing: number;
}

export function createExporterBook(): ExporterBook {
  let states: readonly ExporterState[] = [];
  const heard: { received: number; at: number }[] = [];
  return {
    get count() {
      return states.length;
    },
    get missing() {
      return states.reduce((sum, { datagrams }) => sum + datagrams.lost, 0);
    },
    take(exporters, at) {
      states = exporters;
      for (const [index, { datagrams }] of exporters.entries())
        if (heard[index]?.received !== datagrams.received) heard[index] = { received: datagrams.received, at };
    },
    list: (at, nodeOf) =>
      states.slice(0, MOST_EXPORTERS).map((state, index) => {
        return exporterOf(state, { heardAt: heard[index]?.at ?? 0, at }, nodeOf(state.agent));
      }),
  };
}

function exporterOf(
  { agent, subAgent, datagrams, sources }: ExporterState,
  { heardAt, at }: { readonly heardAt: number; readonly at: number },
  node: string | undefined,
): FlowExporter {
  const { received, lost, restarts } = datagrams;
  return {
    agent,
    subAgent,
    ...(node === undefined ? {} : { node: node as FlowExporter["node"] & string }),
    received,
    lost,
    restarts,
    samplesLost: sources.reduce((sum, source) => sum + source.lost, 0),
    samplingRates: [...new Set(sources.map(({ statedRate }) => statedRate))].sort((a, b) => a - b).slice(0, MOST_RATES),
    heardAt: new Date(heardAt).toISOString(),
    state: at - heardAt < SILENT_AFTER ? "heard" : "silent",
  };
}
