import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { endProcess } from "../processes/background.ts";
import { readPidFile } from "../processes/pid-file.ts";
import { ensureAgent, recordedFlags, refuseFlags } from "./agent-process.ts";
import { machinePlaces, type Places, pidFileOf } from "./places.ts";

let folder: string;
let places: Places;

/** An agent as seen from outside: refuses the uplink `bad0`, else notes how it was started, says it is ready, and stays. */
const AGENT = `#!/bin/sh
echo "$@" >> "$(dirname "$0")/starts"
case "$*" in *bad0*) echo "holdfast: no carrier on bad0" >&2; exit 1;; esac
echo ready >&3
exec sleep 1000
`;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-agent-"));
  const command = join(folder, "holdfast");
  writeFileSync(command, AGENT, { mode: 0o755 });
  // Whatever this machine's own configuration says.
  writeFileSync(join(folder, "holdfast.yaml"), "agent: { sflowTargets: none }\n");
  vi.stubEnv("HOLDFAST_CONFIG", join(folder, "holdfast.yaml"));
  places = { ...machinePlaces, command, run: join(folder, "run"), log: join(folder, "log") };
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await endProcess(pidFileOf(places, "agent"), 5000);
  rmSync(folder, { recursive: true, force: true });
});

const starts = (): string[] => readFileSync(join(folder, "starts"), "utf8").trimEnd().split("\n");
const pid = (): number | undefined => readPidFile(pidFileOf(places, "agent"))?.pid;

describe("the agent of a platform that goes up", () => {
  test("is left alone when it runs with these flags", async () => {
    expect(await ensureAgent(places, { uplink: "eth1" })).toBe("started with --uplink eth1");
    const first = pid();
    expect(await ensureAgent(places, { uplink: "eth1" })).toBe("runs already with --uplink eth1");
    expect(pid()).toBe(first);
  });

  test("keeps its flags when none are given, also after a crash", async () => {
    await ensureAgent(places, { uplink: "eth1" });
    expect(await ensureAgent(places, {})).toBe("runs already with --uplink eth1");
    await endProcess(pidFileOf(places, "agent"), 5000, "SIGKILL");
    expect(await ensureAgent(places, {})).toBe("started with --uplink eth1");
    expect(starts()).toEqual(["agent --uplink eth1", "agent --uplink eth1"]);
  });

  test("is started again when the flags are others", async () => {
    expect(await ensureAgent(places, {})).toBe("started");
    const flags = { uplink: "eth1", tunnelAddress: "192.168.50.11/24" };
    expect(await ensureAgent(places, flags)).toBe("started again with --uplink eth1 --tunnel-address 192.168.50.11/24");
    expect(starts()).toEqual(["agent", "agent --uplink eth1 --tunnel-address 192.168.50.11/24"]);
    expect(recordedFlags(places)).toEqual(flags);
  });

  test("keeps the flags that are not said, and forgets one that is said as empty", async () => {
    await ensureAgent(places, { uplink: "eth1", tunnelAddress: "192.168.50.11/24" });
    await ensureAgent(places, { flows: "off" });
    expect(recordedFlags(places)).toEqual({ uplink: "eth1", tunnelAddress: "192.168.50.11/24", flows: "off" });
    expect(await ensureAgent(places, { flows: "off" })).toMatch(/^runs already with /);
    await ensureAgent(places, { uplink: "" });
    await ensureAgent(places, { flows: "on" });
    expect(recordedFlags(places)).toEqual({ tunnelAddress: "192.168.50.11/24", flows: "on" });
    expect(starts().at(-1)).toBe("agent --tunnel-address 192.168.50.11/24");
  });

  test("goes on as before where the new flags do not start, and the reason is told", async () => {
    await ensureAgent(places, { uplink: "eth1" });
    await expect(ensureAgent(places, { uplink: "bad0" })).rejects.toThrow(
      `agent does not start; ${join(places.log, "agent.log")} says:\nholdfast: no carrier on bad0`,
    );
    expect(starts().at(-1)).toBe("agent --uplink eth1");
    expect(await ensureAgent(places, {})).toBe("runs already with --uplink eth1");
  });

  test("leaves no pid file when it does not start, and the next one starts", async () => {
    await expect(ensureAgent(places, { uplink: "bad0" })).rejects.toMatchObject({ code: "unavailable" });
    expect(pid()).toBeUndefined();
    expect(await ensureAgent(places, {})).toBe("started");
  });

  test("whose program is missing is told with the remedy", async () => {
    const command = join(folder, "nowhere");
    await expect(ensureAgent({ ...places, command }, {})).rejects.toThrow(
      `agent does not start: there is no ${command}; install what is missing: make setup`,
    );
  });
});

describe("flags that cannot work", () => {
  test("are refused with what this machine has", async () => {
    await expect(refuseFlags({ uplink: "nosuch0" })).rejects.toThrow(
      /^there is no interface nosuch0 for the uplink; this machine has /,
    );
    await expect(refuseFlags({ tunnelAddress: "192.168.50.11/24", logLevel: "loud" })).rejects.toThrow(/log/i);
  });

  test("are not those that can", async () => {
    await refuseFlags({});
    await refuseFlags({ uplink: "lo" });
    await refuseFlags({ uplink: "", flows: "off" });
  });
});
