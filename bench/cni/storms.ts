import { percentile } from "../statistics.ts";
import type { BenchPlugin } from "./caller.ts";
import { type BenchPlace, rested } from "./in-turn.ts";

/** What many ADDs at once took, by plugin, in the rounds' order. */
export interface Storms {
  /** Of each round. */
  seconds(plugin: BenchPlugin): readonly number[];
  /** Of storms that followed each other; the median of these ratios. */
  ratio(plugin: BenchPlugin, against: BenchPlugin): number;
  /** One more, which counts for nothing. */
  raise(plugin: BenchPlugin): Promise<void>;
  /** The DELs after it. */
  calm(plugin: BenchPlugin): Promise<void>;
}

/** ADDs for many containers at once, then their DELs, the plugins in turn: each begins when the one before has left nothing to do. */
export async function measureStorms(
  { host, caller, signal }: BenchPlace,
  plugins: readonly BenchPlugin[],
  {
    containers: count,
    atOnce,
    rounds,
  }: { readonly containers: number; readonly atOnce: number; readonly rounds: number },
): Promise<Storms> {
  const named = (plugin: BenchPlugin): BenchPlugin => ({ ...plugin, name: `${plugin.name}-storm` });
  const all = new Map(plugins.map(({ name }): [string, number[]] => [name, []]));
  const seconds = ({ name }: BenchPlugin): readonly number[] => all.get(name) ?? [];
  const storm = async (plugin: BenchPlugin, command: "ADD" | "DEL"): Promise<number> => {
    const durations = await caller.call(named(plugin), command, { count, atOnce });
    await rested(host, signal);
    return durations.seconds;
  };
  for (const plugin of plugins) await caller.makeContainers(named(plugin), count);
  for (let round = 0; round < rounds; round++) {
    for (const plugin of plugins) {
      all.get(plugin.name)?.push(await storm(plugin, "ADD"));
      await storm(plugin, "DEL");
    }
  }
  return {
    seconds,
    ratio: (plugin, against) =>
      percentile(
        seconds(plugin).map((each, round) => each / (seconds(against)[round] ?? Number.NaN)),
        0.5,
      ),
    raise: async (plugin) => void (await storm(plugin, "ADD")),
    calm: async (plugin) => void (await storm(plugin, "DEL")),
  };
}
