import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type ConfList, readConfList } from "./conf-list.ts";
import { type CniContainer, type CniExec, type CniRuntime, createCniRuntime } from "./runtime.ts";

const signal = AbortSignal.timeout(10_000);

/** Plugins that do nothing but say who was called with what. */
describe("the runtime for tests", () => {
  let directory: string;
  let calls: { readonly command: string; readonly input: Record<string, unknown> }[];
  let runtime: CniRuntime;
  const refusals = new Map<string, object>();

  const exec: CniExec = async ([path = ""], { env, input }) => {
    const { type, prevResult } = JSON.parse(input) as { type: string; prevResult?: { interfaces: object[] } };
    expect(path).toBe(join(directory, type));
    calls.push({ command: `${env.CNI_COMMAND} ${type}`, input: JSON.parse(input) as Record<string, unknown> });
    const refusal = refusals.get(`${env.CNI_COMMAND} ${type}`);
    if (refusal !== undefined) return { code: 1, stdout: JSON.stringify(refusal), stderr: "" };
    const interfaces = [...(prevResult?.interfaces ?? []), { name: type }];
    return { code: 0, stdout: env.CNI_COMMAND === "ADD" ? JSON.stringify({ interfaces }) : "", stderr: "" };
  };

  const list: ConfList = {
    cniVersion: "1.0.0",
    name: "web",
    plugins: [{ type: "one", capabilities: { portMappings: true, mac: false } }, { type: "two" }],
  };
  const container: CniContainer = {
    containerId: "c1",
    netns: "/run/netns/c1",
    capabilityArgs: { portMappings: [1], mac: "m", ips: ["i"] },
  };
  const inputs = (command: string) => calls.filter((call) => call.command === command).map(({ input }) => input);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "holdfast-plugins-"));
    for (const name of ["one", "two"]) await writeFile(join(directory, name), "", { mode: 0o755 });
  });
  afterAll(() => rm(directory, { recursive: true }));
  beforeEach(() => {
    calls = [];
    refusals.clear();
    runtime = createCniRuntime({ exec, pluginDirs: ["/nowhere", directory] });
  });

  test("adds in order, each plugin with the result of the one before, and deletes in reverse with the last", async () => {
    const result = await runtime.add(list, container, signal);
    expect(result).toEqual({ interfaces: [{ name: "one" }, { name: "two" }] });
    await runtime.check(list, container, signal);
    await runtime.del(list, container, signal);
    expect(calls.map(({ command }) => command)).toEqual([
      ...["ADD one", "ADD two"],
      ...["CHECK one", "CHECK two"],
      ...["DEL two", "DEL one"],
    ]);
    expect(inputs("ADD two")).toMatchObject([{ prevResult: { interfaces: [{ name: "one" }] } }]);
    expect(inputs("CHECK one")).toMatchObject([{ prevResult: result }]);
    expect(inputs("DEL one")).toMatchObject([{ prevResult: result }]);
  });

  test("hands on the capabilities that a plugin declares, and no others", async () => {
    await runtime.add(list, container, signal);
    expect(inputs("ADD one")).toMatchObject([{ runtimeConfig: { portMappings: [1] } }]);
    expect(inputs("ADD one")[0]).not.toHaveProperty("runtimeConfig.mac");
    expect(inputs("ADD two")[0]).not.toHaveProperty("runtimeConfig");
  });

  test("GC deletes what is not valid any more and tells every plugin what is", async () => {
    await runtime.add(list, container, signal);
    const second = { ...container, containerId: "c2" };
    await runtime.add(list, second, signal);
    calls = [];
    await runtime.gc(list, [second], signal);
    expect(calls.map(({ command }) => command)).toEqual(["DEL two", "DEL one", "GC one", "GC two"]);
    expect(inputs("GC two")).toMatchObject([{ "cni.dev/valid-attachments": [{ containerID: "c2", ifname: "eth0" }] }]);
  });

  test("tells who refused, with its code and text, and calls nobody after it", async () => {
    refusals.set("ADD one", { code: 7, msg: "no" });
    await expect(runtime.add(list, container, signal)).rejects.toMatchObject({ plugin: "one", code: 7, message: "no" });
    expect(calls).toHaveLength(1);
  });

  test("says that a plugin is not there, and that a list is none", async () => {
    const unknown = { ...list, plugins: [{ type: "three" }] };
    await expect(runtime.status(unknown, signal)).rejects.toThrow("plugin three is in none of /nowhere");
    expect(() => readConfList('{"name":"web"}')).toThrow("not a list of plugins");
  });
});
