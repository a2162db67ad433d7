import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CNM_CASES, type CnmSubject, DIALECTS, DOCKER_20 } from "@holdfast/docker-plugin/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { tryRun } from "../command.ts";
import type { CaseReport } from "../report.ts";
import { type Defect, startSimplePlugin } from "./simple-plugin.ts";
import { subjectOf } from "./subject.ts";
import { runSuite } from "./suite.ts";

/** A plugin that each case must find something wrong with. */
const DEFECTS: Readonly<Record<string, Defect>> = {
  handshake: "names one driver",
  "unknown-method": "answers what it does not know",
  ...Object.fromEntries(
    CNM_CASES.filter(({ id }) => id.startsWith("empty-body-")).map(({ id }) => [
      id,
      "takes an empty body for an empty object" as const,
    ]),
  ),
  "empty-bodies-hold-nothing": "reserves for an empty body",
  "broken-body": "hangs up on a broken body",
  "keys-of-later-engines": "refuses keys it does not know",
  "pool-as-asked": "makes a pool anew for each request",
  "gateway-of-plan": "gives the gateway no length",
  "address-as-asked": "gives an address twice",
  "taken-address-is-named": "does not say which address is taken",
  "different-addresses": "gives everybody one MAC",
  "mac-of-docker": "sets the MAC that Docker has",
  "auxiliary-address": "forgets auxiliary addresses",
  "gateway-as-address": "counts the gateway as held",
  "second-docker-network": "drops a network for the next with its pool",
  "whole-life": "keeps released addresses",
  "join-names-interface": "names no interface",
  "every-call-twice": "refuses to leave twice",
  "absent-is-removed": "refuses to remove what is absent",
  "join-after-leave": "gives the address up with Leave",
  "join-after-delete": "joins whatever it is told to",
  "release-before-delete": "deletes no endpoint without its address",
  replay: "keeps the address of a deleted endpoint from its owner",
  "network-survives-restart": "forgets networks in a crash",
  "crash-after-RequestAddress": "forgets addresses in a crash",
  "crash-after-CreateEndpoint": "forgets endpoints in a crash",
  "crash-after-Join": "attaches for ever in a crash",
  "crash-after-Leave": "attaches for ever in a crash",
  "crash-after-DeleteEndpoint": "attaches for ever in a crash",
};

let folder: string;
let socketPath: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "cnm-"));
  socketPath = join(folder, "plugin.sock");
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function reports(
  { defect, without = [] }: { readonly defect?: Defect; readonly without?: readonly (keyof CnmSubject)[] },
  cases = CNM_CASES,
): Promise<readonly CaseReport[]> {
  await using plugin = await startSimplePlugin(socketPath, defect);
  const whole: CnmSubject = {
    socketPath,
    plan: { pool: "10.20.0.0/16", ipamOptions: {} },
    freeAddress: "10.20.7.7",
    crash: () => plugin.crash(),
    heldAddresses: async () => plugin.held(),
  };
  const subject = { ...whole, ...Object.fromEntries(without.map((key) => [key, undefined])) };
  return await Array.fromAsync(runSuite(subject, { dialect: DOCKER_20, cases, settling: 50 }));
}

describe("the conformance suite for CNM", () => {
  test("finds nothing wrong with a plugin that does what Docker expects", async () => {
    expect((await reports({})).filter(({ verdict }) => verdict.kind !== "passed")).toEqual([]);
  });

  test.each(CNM_CASES)("finds by $id a plugin that is wrong there", async ({ id }) => {
    const defect = DEFECTS[id];
    expect(defect).toBeDefined();
    const [report] = await reports(
      { ...(defect && { defect }) },
      CNM_CASES.filter((each) => each.id === id),
    );
    expect(report?.verdict.kind).toBe("failed");
  });

  test("takes away what each case has made", async () => {
    await using plugin = await startSimplePlugin(socketPath);
    const subject = { socketPath, plan: { pool: "10.20.0.0/16", ipamOptions: {} } };
    const cases = CNM_CASES.filter(({ id }) => id === "keys-of-later-engines" || id === "different-addresses");
    await Array.fromAsync(runSuite(subject, { dialect: DOCKER_20, cases }));
    expect(plugin.held()).toEqual([]);
  });

  test("names the cases that it cannot run, and the flags that they need", async () => {
    const skipped = (await reports({ without: ["crash", "heldAddresses"] })).flatMap(({ id, verdict }) =>
      verdict.kind === "skipped" ? [`${id}: ${verdict.reason}`] : [],
    );
    expect(skipped).toContain("crash-after-Join: needs --restart and --held");
    expect(skipped).toContain("whole-life: needs --held");
    expect(skipped).toHaveLength(CNM_CASES.filter(({ needs = [] }) => needs.some((need) => need !== "address")).length);
  });

  test("runs as a program, against a socket that the environment names", async () => {
    await using _plugin = await startSimplePlugin(socketPath, "does not say which address is taken");
    const program = [process.execPath, join(import.meta.dirname, "main.ts"), "--pool", "10.20.0.0/16", "--failures"];
    const words = [...program, "--address", "10.20.7.7"];
    const { code, stdout } = await tryRun(words, { env: { CNM_SOCKET: socketPath } });
    expect(code).toBe(1);
    expect(stdout).toContain("FAILED          taken-address-is-named: the refusal of an address");
    for (const { name } of DIALECTS) expect(stdout).toContain(`${socketPath}, Docker ${name}: `);
  });

  test("restarts a plugin and asks for its addresses by commands of the shell", async () => {
    const flags = {
      socket: socketPath,
      pool: "10.20.0.0/16",
      "ipam-opt": ["net=web=1"],
      held: "echo 10.20.0.5; echo 10.20.0.6",
    };
    const { plan, crash, heldAddresses } = subjectOf({ ...flags, restart: `touch ${folder}/restarted` });
    expect(plan).toEqual({ pool: "10.20.0.0/16", ipamOptions: { net: "web=1" }, driverOptions: {} });
    expect(await heldAddresses?.()).toEqual(["10.20.0.5", "10.20.0.6"]);
    await crash?.();
    expect(await readdir(folder)).toEqual(["restarted"]);
    await expect(subjectOf({ ...flags, restart: "exit 7" }).crash?.()).rejects.toThrow("exit code 7");
  });

  test.each([
    [["--pool", "10.20.0.0/16"], "--socket and --pool are needed"],
    [["--socket", "/x", "--pool", "all"], "--pool all: an IPv4 prefix is needed"],
    [["--socket", "/x", "--pool", "10.0.0.0/8", "--opt", "web"], "--opt web: KEY=VALUE is needed"],
    [["--socket", "/x", "--pool", "10.0.0.0/8", "--dialect", "18"], "--dialect 18: 20.10 or 29 is needed"],
  ])("refuses %s", async (flags, message) => {
    const { code, stderr } = await tryRun([process.execPath, join(import.meta.dirname, "main.ts"), ...flags]);
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringContaining(message) });
  });
});
