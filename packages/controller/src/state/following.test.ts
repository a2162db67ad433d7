import { Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { Claim } from "@holdfast/model";
import { type Operation, openMemoryStore, type Store } from "@holdfast/store";
import { expect, test } from "vitest";
import { loadState } from "./following.ts";
import { keys } from "./keys.ts";
import { State } from "./state.ts";

const [TENANT, NETWORK] = [Name.parse("default"), Name.parse("web")];

function claim(number: number, host = number): Operation[] {
  const identity = Identity.parse(`db-${String(number).padStart(5, "0")}`);
  const address = IpAddress.fromV4Number(0x0a000000 + host);
  const value: Omit<Claim, "revision"> = {
    tenant: TENANT,
    network: NETWORK,
    identity,
    addresses: [address],
    mac: MacAddress.ofAddress(address, 7),
    retention: { kind: "reserved" },
    epoch: 0,
    labels: {},
    createdAt: "2026-11-20T14:05:00.000Z",
  };
  return [
    { kind: "put", key: keys.claim(TENANT, NETWORK, identity), value: JSON.stringify(value) },
    { kind: "put", key: keys.address(TENANT, NETWORK, address), value: JSON.stringify({ identity }) },
  ];
}

test("what is committed while the state is loaded is in it, and what goes is not", async () => {
  const plain = openMemoryStore({ clock: new ManualClock() });
  const commit = (operations: Operation[]) => plain.commit({ conditions: [], operations });
  await commit(Array.from({ length: 3500 }, (_, number) => claim(number)).flat());
  let pages = 0;
  const store: Store = Object.create(plain, {
    list: {
      value: async (...request: Parameters<Store["list"]>) => {
        const page = await plain.list(...request);
        if (!request[0].startsWith("claims/")) return page;
        pages++;
        const name = (number: number) => keys.claim(TENANT, NETWORK, Identity.parse(`db-0000${number}`));
        // One goes that was listed, another one gets its address; one comes behind the page, one before it.
        if (pages === 1) await commit([{ kind: "delete", key: name(0) }, ...claim(3499, 0), ...claim(9000)]);
        if (pages === 3) await commit([{ kind: "delete", key: name(1) }, ...claim(2, 9002)]);
        return page;
      },
    },
    watch: { value: plain.watch.bind(plain) },
    revision: { value: plain.revision.bind(plain) },
  });
  const state = new State();
  await loadState(store, state);
  const fresh = new State();
  await loadState(plain, fresh);
  const claimsOf = (one: State) =>
    [...(one.network(TENANT, NETWORK)?.claims.values() ?? [])].sort((a, b) => (a.identity < b.identity ? -1 : 1));
  expect(pages).toBe(4);
  expect(claimsOf(state)).toHaveLength(3499);
  expect(claimsOf(state)).toEqual(claimsOf(fresh));
  const owner = (host: number) =>
    state.network(TENANT, NETWORK)?.addresses.get(IpAddress.fromV4Number(0x0a000000 + host));
  expect([owner(0), owner(1), owner(2), owner(9002), owner(9000)]).toEqual([
    "db-03499",
    undefined,
    undefined,
    "db-00002",
    "db-09000",
  ]);
  expect(state.network(TENANT, NETWORK)?.addresses.size).toBe(3499);
  expect(state.revision).toBe(await plain.revision());
});
