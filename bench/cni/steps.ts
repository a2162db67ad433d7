import { appendFile, readFile, writeFile } from "node:fs/promises";
import { setTimeout as pause } from "node:timers/promises";
import { percentile } from "../statistics.ts";
import type { BenchPlugin } from "./caller.ts";
import { type BenchPlace, rested } from "./in-turn.ts";

/** Where the agent of a lab host notes when it has done what (`HOLDFAST_STEPS_FILE`). */
export const STEPS_FILE = "/run/steps";

/** What the agent does for one command, step by step. */
export interface Steps {
  readonly plugin: string;
  readonly command: "ADD" | "DEL";
  /** Each from the step before. */
  readonly rows: readonly { readonly step: string; readonly milliseconds: number }[];
}

const CALLS = 20;
/** Milliseconds after which the agent has written its notes. */
const WRITTEN = 500;

export async function measureSteps(
  { host, caller, signal }: BenchPlace,
  plugin: BenchPlugin,
): Promise<readonly Steps[]> {
  const file = host.path(STEPS_FILE);
  const named = { ...plugin, name: `${plugin.name}-steps` };
  await caller.makeContainers(named, CALLS);
  const all: Steps[] = [];
  for (const command of ["ADD", "DEL"] as const) {
    await appendFile(file, "");
    await pause(WRITTEN);
    await writeFile(file, "");
    const { milliseconds } = await caller.call(named, command, { count: CALLS });
    await pause(WRITTEN);
    const rows = [...stepsOf(await readFile(file, "utf8"), `cni.${command.toLowerCase()}-begun`)];
    const inside = rows.reduce((sum, row) => sum + row.milliseconds, 0);
    const outside = {
      step: "the plugin's program, and what is between it and the agent",
      milliseconds: percentile(milliseconds, 0.5) - inside,
    };
    all.push({ plugin: plugin.name, command, rows: [...rows, outside] });
    await rested(host, signal);
  }
  return all;
}

/** Medians of the time between a step and the one before; the calls came one after the other. */
function* stepsOf(notes: string, first: string): Generator<Steps["rows"][number]> {
  const samples = new Map<string, number[]>();
  let before = Number.NaN;
  for (const line of notes.trim().split("\n")) {
    const [at = "", step = ""] = line.split(" ");
    if (step !== first) samples.set(step, [...(samples.get(step) ?? []), Number(at) - before]);
    before = Number(at);
  }
  for (const [step, found] of samples) yield { step, milliseconds: percentile(found, 0.5) };
}
