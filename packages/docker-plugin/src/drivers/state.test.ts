import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Cidr, HoldfastError, Name } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { MemoryState } from "../testing/memory-state.ts";
import { openRecords } from "./records.ts";
import { createStateFile, type NetworkRecord, type PluginState, type StateStore } from "./state.ts";

const record: NetworkRecord = {
  tenant: Name.parse("default"),
  network: Name.parse("web"),
  pools: [Cidr.parse("10.20.0.0/16")],
  auxiliary: [],
};
const state: PluginState = {
  version: 1,
  networks: { abc: record },
  endpoints: { def: { network: "abc", ports: [], contested: [] } },
};

describe("the state file", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "holdfast-state-"));
  });
  afterEach(async () => {
    await rm(folder, { recursive: true, force: true });
  });

  test("what was saved is loaded, in a folder that it makes", async () => {
    const file = createStateFile(join(folder, "new", "docker.json"));
    expect(await file.load()).toBeUndefined();
    await file.save(state, { durable: true });
    await file.save(state, { durable: false });
    expect(await file.load()).toEqual(state);
    expect(await readdir(join(folder, "new"))).toEqual(["docker.json"]);
  });

  test("a draft of a process that was killed is no harm", async () => {
    const path = join(folder, "docker.json");
    const file = createStateFile(path);
    await file.save(state, { durable: true });
    await writeFile(`${path}.new`, "{");
    expect(await file.load()).toEqual(state);
    await file.save(state, { durable: true });
  });

  test("a file that is broken is named, with the remedy", async () => {
    await writeFile(join(folder, "docker.json"), '{"version":1}');
    await expect(createStateFile(join(folder, "docker.json")).load()).rejects.toThrow(
      "docker.json cannot be read; remove it",
    );
  });
});

describe("records", () => {
  test("a network is durable when it is put", async () => {
    const store = new MemoryState();
    const records = await openRecords(store);
    await records.putNetwork("abc", record);
    expect(store.durableSaves).toBe(1);
    expect((await openRecords(store)).network("abc")).toEqual(record);
    expect(records.networkIdOf(record)).toBe("abc");
  });

  test("a network that cannot be saved is not there", async () => {
    const records = await openRecords({
      load: async () => undefined,
      save: () => Promise.reject(new HoldfastError("internal", "disk full")),
    });
    await expect(records.putNetwork("abc", record)).rejects.toThrow("disk full");
    expect(() => records.network("abc")).toThrow("not known to holdfast");
  });

  test("changes that come while a save runs share the next one", async () => {
    const gate = Promise.withResolvers<void>();
    const saved: number[] = [];
    const store: StateStore = {
      load: async () => undefined,
      async save({ networks }) {
        saved.push(Object.keys(networks).length);
        await gate.promise;
      },
    };
    const records = await openRecords(store);
    const first = records.putNetwork("1", record);
    await new Promise((resolve) => setImmediate(resolve));
    const rest = ["2", "3", "4"].map((id) => records.putNetwork(id, record));
    gate.resolve();
    await Promise.all([first, ...rest]);
    expect(saved).toEqual([1, 4]);
  });
});
