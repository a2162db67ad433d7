import { Cidr, HoldfastError, Name, systemClock } from "@holdfast/core";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { MemoryState } from "../testing/memory-state.ts";
import { openRecords } from "./records.ts";
import { createPluginMemory, type NetworkRecord } from "./state.ts";

const record: NetworkRecord = {
  tenant: Name.parse("default"),
  network: Name.parse("web"),
  pools: [Cidr.parse("10.20.0.0/16")],
  auxiliary: [],
};
const endpoint = { network: "abc", ports: [], contested: [] };

describe("the plugin's memory", () => {
  test("what was written is loaded, what was forgotten is not", async () => {
    const store = openMemoryStore({ clock: systemClock });
    const memory = createPluginMemory(store);
    await memory.write({ kind: "network", id: "abc", record });
    await memory.write({ kind: "endpoint", id: "def", record: endpoint });
    await memory.write({ kind: "endpoint", id: "ghi", record: endpoint });
    await memory.write({ kind: "endpoint", id: "ghi", record: undefined });
    const { networks, endpoints } = await createPluginMemory(store).load();
    expect([...networks]).toEqual([["abc", record]]);
    expect([...endpoints]).toEqual([["def", endpoint]]);
  });

  test("a record that cannot be read is named, and nothing is guessed", async () => {
    const store = openMemoryStore({ clock: systemClock });
    await store.commit({ conditions: [], operations: [{ kind: "put", key: "docker/network/abc", value: "{}" }] });
    await expect(createPluginMemory(store).load()).rejects.toThrow(
      "docker/network/abc of the docker plugin cannot be read",
    );
  });
});

describe("records", () => {
  test("a network is written when it is put, and only when it is news", async () => {
    const memory = new MemoryState();
    const records = await openRecords(memory);
    await records.putNetwork("abc", record);
    await records.putNetwork("abc", { ...record });
    expect(memory.writes).toEqual(["network abc"]);
    expect((await openRecords(memory)).network("abc")).toEqual(record);
    expect(records.networkIdOf(record)).toBe("abc");
  });

  test("a network that cannot be saved is not there", async () => {
    const records = await openRecords({
      load: async () => ({ networks: new Map(), endpoints: new Map() }),
      write: () => Promise.reject(new HoldfastError("internal", "disk full")),
    });
    await expect(records.putNetwork("abc", record)).rejects.toThrow("disk full");
    expect(() => records.network("abc")).toThrow("not known to holdfast");
  });
});
