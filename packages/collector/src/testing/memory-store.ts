import { addUpPorts, type CountedPort, isMeant } from "../counters/counted.ts";
import { addUpDrops, type Dropped } from "../drops/dropped.ts";
import { addUp, type DatedRow } from "../query/add-up.ts";
import { sampleAnswer } from "../query/sample-values.ts";
import { DEFAULT_TIERS, type FlowStore, type TierSettings } from "../store/store.ts";
import { addWindow, nothingTaken } from "../store/taken.ts";
import type { TrafficSample, TrafficWindow } from "../windows/traffic.ts";

/** Keeps all rows as they come and looks at each of them for every question: plain, slow, right. */
export function createMemoryStore(tiers: TierSettings = DEFAULT_TIERS): FlowStore {
  let rows: DatedRow[] = [];
  let samples: TrafficSample[] = [];
  let counts: CountedPort[] = [];
  let drops: Dropped[] = [];
  let newest: number | undefined;
  const checkpoints = new Map<string, string>();
  const taken = nothingTaken();

  function expire(now: number): void {
    rows = rows.filter(({ start }) => start >= now - tiers.hour.retention);
    samples = samples.filter(({ at }) => at >= now - tiers.samples);
    counts = counts.filter(({ until }) => until >= now - tiers.minute.retention);
    drops = drops.filter(({ at }) => at >= now - tiers.minute.retention);
  }

  return {
    kind: "memory",
    description: "Keeps traffic as long as the process runs.",
    async take(window: TrafficWindow) {
      const { origin } = window;
      if (origin !== undefined && checkpoints.get(origin.stream) === origin.checkpoint) return;
      if (origin !== undefined) checkpoints.set(origin.stream, origin.checkpoint);
      for (const { packets, bytes, samples: count, exactSamples, ...row } of window.rows) {
        rows.push({ start: window.start, row, sum: { packets, bytes, samples: count, exact: exactSamples } });
      }
      samples.push(...window.samples);
      counts.push(...(window.counts ?? []));
      drops.push(...(window.drops ?? []));
      newest = window.start + window.seconds * 1000;
      addWindow(taken, window);
      expire(newest);
    },
    checkpoint: async (stream) => checkpoints.get(stream),
    sums: async (plan) => addUp(plan, rows),
    samples: async (plan) =>
      samples
        .filter(({ at }) => at >= plan.from && at < plan.to)
        .sort((a, b) => b.at - a.at)
        .flatMap((sample) => sampleAnswer(plan, sample) ?? [])
        .slice(0, plan.limit),
    counts: async (plan) => addUpPorts(counts.filter((one) => isMeant(one, plan))),
    drops: async (plan) => addUpDrops(drops, plan),
    state: () => ({
      failing: undefined,
      taken: { ...taken },
      lost: nothingTaken(),
      newest,
      bytes: 0,
    }),
    expire: async (now) => expire(now),
    close: async () => undefined,
    [Symbol.asyncDispose]: async () => undefined,
  };
}
