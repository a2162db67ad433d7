import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { endProcess } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { agentFlagsOf, ensureCollector } from "./flow-process.ts";
import { machinePlaces, type Places, pidFileOf } from "./places.ts";

/** A collector as seen from outside: notes how it was started, says it is ready, and stays; not where port 6343 is taken. */
const COLLECTOR = `#!/bin/sh
echo "$@" >> "$(dirname "$0")/starts"
if [ -e "$(dirname "$0")/taken" ]; then echo "holdfast: port 6343 is taken" >&2; exit 1; fi
echo ready >&3
exec sleep 1000
`;

const LOCAL = { sflowTargets: "127.0.0.1:6343", sflowSampling: "64", sflowAgent: "127.0.0.1" };

describe("flows of a platform that goes up", () => {
  let folder: string;
  let places: Places;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "hf-flows-"));
    const command = join(folder, "holdfast");
    writeFileSync(command, COLLECTOR, { mode: 0o755 });
    places = { ...machinePlaces, command, run: join(folder, "run"), log: join(folder, "log") };
    vi.stubEnv("HOLDFAST_CONFIG", configuration(""));
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await endProcess(pidFileOf(places, "collector"), 5000);
    rmSync(folder, { recursive: true, force: true });
  });

  function configuration(text: string): string {
    const path = join(folder, "holdfast.yaml");
    writeFileSync(path, text);
    return path;
  }

  const starts = (): string[] => readFileSync(join(folder, "starts"), "utf8").trimEnd().split("\n");
  const runs = (): boolean => readPidFile(pidFileOf(places, "collector")) !== undefined;

  test("are sampled by the switch and sent to a collector of this machine alone", async () => {
    expect(agentFlagsOf({ uplink: "eth1" })).toEqual({ uplink: "eth1", ...LOCAL });
    expect(await ensureCollector(places, {})).toBe("started");
    expect(await ensureCollector(places, {})).toBe("runs already");
    expect(starts()).toEqual(["collector --listen 127.0.0.1:6343"]);
  });

  test("go where somebody has said, and a collector listens where it was told to", async () => {
    configuration("agent: { sflowTargets: 192.0.2.5 }\ncollector: { listen: 0.0.0.0:7343 }\n");
    expect(agentFlagsOf({})).toEqual({});
    await ensureCollector(places, {});
    expect(starts()).toEqual(["collector"]);
    configuration("controller: { sflowTargets: 192.0.2.5 }\n");
    expect(agentFlagsOf({})).toEqual({});
    configuration("agent: { sflowSampling: 7, sflowAgent: 192.0.2.9 }\n");
    expect(agentFlagsOf({})).toEqual({ sflowTargets: LOCAL.sflowTargets });
  });

  test("are left alone where there is no switch, and ended when nobody wants them", async () => {
    expect(agentFlagsOf({ datapath: "kernel" })).toEqual({ datapath: "kernel" });
    expect(await ensureCollector(places, { datapath: "kernel" })).toBe("not needed");
    await ensureCollector(places, {});
    expect(agentFlagsOf({ flows: "off", uplink: "eth1" })).toEqual({ uplink: "eth1" });
    expect(await ensureCollector(places, { flows: "off" })).toBe("ended");
    expect(runs()).toBe(false);
    expect(await ensureCollector(places, { flows: "off" })).toBe("not wanted");
    expect(() => agentFlagsOf({ flows: "no" })).toThrow('--flows is "no"; it is on or off');
  });

  test("that cannot be had say how to go on without", async () => {
    writeFileSync(join(folder, "taken"), "");
    await expect(ensureCollector(places, {})).rejects.toThrow(/port 6343 is taken\n.*holdfast up --flows off$/s);
    expect(runs()).toBe(false);
  });
});
