import { systemClock } from "@holdfast/core";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { usesSwitch } from "./switch-use.ts";

async function bookWith(records: Readonly<Record<string, object>>) {
  const store = openMemoryStore({ clock: systemClock });
  const operations = Object.entries(records).map(([key, value]) => ({
    kind: "put" as const,
    key,
    value: JSON.stringify(value),
  }));
  await store.commit({ conditions: [], operations });
  return store;
}

const networks = { "network/n1": { id: "n1", kind: "routed" }, "network/n2": { id: "n2", kind: "vlan" } };
const endpoint = (networkId: string, phase = "active") => ({
  id: "e-1",
  tenant: "default",
  network: "web",
  networkId,
  identity: "redis-0",
  ephemeral: false,
  epoch: 1,
  addresses: ["10.20.0.7"],
  mac: "02:00:0a:14:00:07",
  phase,
  since: 1,
  workload: { runtime: "docker" },
  requester: "pool",
  grants: 1,
  ports: [],
  unreported: [],
  known: true,
});

describe("a book of an earlier run", () => {
  test.each([
    ["nothing", {}, false],
    ["an endpoint of a routed network", { "endpoint/e-1": endpoint("n1") }, false],
    ["an endpoint of a VLAN", { "endpoint/e-1": endpoint("n2") }, true],
    ["one of a VLAN that is over", { "endpoint/e-1": endpoint("n2", "released") }, false],
    ["one of a network that is not known", { "endpoint/e-1": endpoint("n9") }, true],
    ["one that cannot be read", { "endpoint/e-1": { id: "e-1" } }, true],
  ])("with %s", async (_, records, expected) => {
    expect(await usesSwitch(await bookWith({ ...networks, ...records }))).toBe(expected);
  });
});
