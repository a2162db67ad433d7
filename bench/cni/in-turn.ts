import { setTimeout as pause } from "node:timers/promises";
import type { LabHost } from "@holdfast/lab";
import { percentile } from "../statistics.ts";
import type { BenchPlugin, Caller } from "./caller.ts";

export interface BenchPlace {
  readonly host: LabHost;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

type Command = "ADD" | "DEL";

/** What calls took, by plugin, command and round. */
export class Turns {
  readonly #rounds = new Map<string, (readonly number[])[]>();

  note(plugin: string, command: Command, milliseconds: readonly number[]): void {
    const key = `${plugin} ${command}`;
    this.#rounds.set(key, [...this.#of(plugin, command), milliseconds]);
  }

  all(plugin: string, command: Command): readonly number[] {
    return this.#of(plugin, command).flat();
  }

  /** Of the medians of rounds that were measured one after the other; the median of these ratios. */
  ratio(plugin: string, against: string, command: Command): number {
    const other = this.#of(against, command);
    const ratios = this.#of(plugin, command).map(
      (round, index) => percentile(round, 0.5) / percentile(other[index] ?? [], 0.5),
    );
    return percentile(ratios, 0.5);
  }

  #of(plugin: string, command: Command): readonly (readonly number[])[] {
    return this.#rounds.get(`${plugin} ${command}`) ?? [];
  }
}

/** Calls the plugins in turn, so that what else the machine does meets them all alike. */
export async function measureInTurn(
  { host, caller, signal }: BenchPlace,
  plugins: readonly BenchPlugin[],
  { containers, rounds }: { readonly containers: number; readonly rounds: number },
): Promise<Turns> {
  const turns = new Turns();
  const count = containers / rounds;
  for (const plugin of plugins) await caller.makeContainers(plugin, containers);
  for (let round = 0; round < rounds; round++) {
    for (const plugin of plugins) {
      for (const command of ["ADD", "DEL"] as const) {
        const { milliseconds } = await caller.call(plugin, command, { first: round * count, count });
        turns.note(plugin.name, command, milliseconds);
        await rested(host, signal);
      }
    }
  }
  return turns;
}

/** Until no link has come or gone for a while: what a plugin leaves for later must not be counted as another's. */
export async function rested(host: LabHost, signal: AbortSignal): Promise<void> {
  let before = "";
  for (let quiet = 0; quiet < 4; ) {
    const { stdout } = await host.exec(["ip", "-o", "link", "show"], { signal });
    quiet = stdout === before ? quiet + 1 : 0;
    before = stdout;
    await pause(150, undefined, { signal });
  }
}
