import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import type { Claim, Endpoint } from "@holdfast/model";
import type { Entry } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { keys } from "./keys.ts";
import { State } from "./state.ts";

const MANY = 100_000;
const [TENANT, NETWORK] = [Name.parse("default"), Name.parse("web")];
const START = Date.parse("2026-11-20T14:05:00.000Z");

/** What lives after the garbage collector has been. */
function bytesInUse(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  // Buffers go one round after the objects that held them.
  for (let round = 0; round < 3; round++) collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function fieldsOf(number: number, address: IpAddress) {
  return {
    tenant: TENANT,
    network: NETWORK,
    identity: Identity.parse(`prod/team-${number % 50}/workload-${number}`),
    addresses: [address],
    mac: MacAddress.ofAddress(address, 100),
    createdAt: new Date(START + number * 997).toISOString(),
    revision: 0,
  };
}

function claimEntry(number: number, address: IpAddress, more: Partial<Claim> = {}): Entry {
  const labels = { env: "prod", team: `team-${number % 50}` };
  const claim: Claim = { ...fieldsOf(number, address), retention: { kind: "reserved" }, epoch: 0, labels, ...more };
  return entryOf(keys.claim(TENANT, NETWORK, claim.identity), claim, number);
}

function endpointEntry(number: number, address: IpAddress): Entry {
  const node = Name.parse(`h${number % 100}`);
  const { createdAt: at, ...fields } = fieldsOf(number, address);
  const phases = ["reserved", "wired", "active"] as const;
  const endpoint: Endpoint = {
    ...fields,
    id: `${node}-${String(number).padStart(16, "0")}`,
    node,
    epoch: 1,
    phase: "active",
    history: phases.map((phase) => ({ phase, at, actor: `node/${node}` })),
    workload: { runtime: "docker", endpoint: String(number).padStart(64, "0"), container: `workload-${number}` },
    createdAt: at,
  };
  return entryOf(keys.endpoint(endpoint.id), endpoint, number);
}

function entryOf(key: string, object: object, revision: number): Entry {
  return { key, value: JSON.stringify(object), revision: revision + 1, created: revision + 1 };
}

function bytesEach(make: (number: number) => Entry): number {
  const state = new State();
  const before = bytesInUse();
  for (let number = 0; number < MANY; number++) state.load([make(number)]);
  const each = (bytesInUse() - before) / MANY;
  // Read after the measurement, so that it is alive until then.
  expect((state.network(TENANT, NETWORK)?.claims.size ?? 0) + state.endpoints.size).toBe(MANY);
  return each;
}

const v4 = (number: number) => IpAddress.fromV4Number(0x0a000002 + number);
const v6 = (number: number) => IpAddress.fromBigInt("v6", (0xfd00n << 112n) + BigInt(number));

describe("memory of the state", () => {
  test.each([
    ["a claim of an IPv4 address", 110, (number: number) => claimEntry(number, v4(number))],
    ["a claim of an IPv6 address", 120, (number: number) => claimEntry(number, v6(number))],
    [
      "an endpoint, with its places in the sets of its node and network",
      340,
      (number: number) => endpointEntry(number, v4(number)),
    ],
  ])(
    "%s takes at most %i bytes",
    (_, most, make) => {
      expect(bytesEach(make)).toBeLessThan(most);
    },
    60_000,
  );

  test("what many have in common is there once, and what has gone leaves nothing", () => {
    const state = new State();
    const before = bytesInUse();
    const entries = Array.from({ length: 50_000 }, (_, number) => claimEntry(number, v4(number)));
    state.load(entries);
    state.apply({ revision: 1, changes: entries.map(({ key }) => ({ kind: "delete", key, revision: 1 })) });
    entries.length = 0;
    expect(state.network(TENANT, NETWORK)?.claims.size).toBe(0);
    expect(bytesInUse() - before).toBeLessThan(1_000_000);
  });
});
