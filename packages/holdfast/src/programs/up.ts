import { mkdirSync } from "node:fs";
import { HoldfastError } from "@holdfast/core";
import { ensureAgent, refuseFlags, wantedFlags } from "./agent-process.ts";
import { ensureEngine } from "./engine-process.ts";
import { ensureCollector, type PlatformFlags } from "./flow-process.ts";
import { machinePlaces, type Places } from "./places.ts";
import { ensureProgram } from "./program-process.ts";
import { ensureSwitch } from "./switch-process.ts";

export interface UpOptions {
  /** E.g. `{ uplink: "eth1" }`. Those that are absent: as it was started with last; empty text: as by itself. */
  readonly flags: PlatformFlags;
  readonly server: string;
  readonly print: (line: string) => void;
  readonly places?: Places;
}

const START_TIMEOUT = 60_000;

/** Brings the platform up on this machine. What runs already is left alone, what has died is started again. */
export async function up(options: UpOptions): Promise<void> {
  const { print, places = machinePlaces } = options;
  if (process.getuid?.() !== 0)
    throw new HoldfastError("invalid_argument", "only root can set up networks; run: sudo make up");
  const flags = wantedFlags(places, options.flags);
  await refuseFlags(options.flags);
  for (const folder of [places.run, places.log, places.state]) mkdirSync(folder, { recursive: true, mode: 0o750 });

  print(step("Open vSwitch", await switchFor(flags, places)));
  print(step("Docker", await ensureEngine(places, START_TIMEOUT)));
  print(step("controller", await ensureProgram(places, "controller", [])));
  print(step("agent", await ensureAgent(places, options.flags)));
  print(step("collector", await ensureCollector(places, flags)));
  for (const line of nextSteps(options.server)) print(line);
}

async function switchFor({ datapath }: PlatformFlags, places: Places): Promise<string> {
  return datapath === "kernel" ? "not needed" : await ensureSwitch(places);
}

function step(name: string, state: string): string {
  return `  ${name.padEnd(14)} ${state}`;
}

function nextSteps(server: string): string[] {
  return [
    "",
    `Holdfast runs. API and its documentation: ${server}/docs`,
    "",
    "Next, for example:",
    "",
    "  bin/holdfast network create web --kind vlan --vlan 100 --subnet 10.20.0.0/16",
    "  bin/holdfast claim create redis-0 --network web",
    "  docker run -d --network web --ip ADDRESS-PRINTED-ABOVE IMAGE",
    "  bin/holdfast flows top                        (whose traffic there is; a sample of it, 5 seconds old)",
    "",
  ];
}
