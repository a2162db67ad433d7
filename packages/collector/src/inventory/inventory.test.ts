import { setImmediate } from "node:timers/promises";
import type { Client } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import type { InventoryChange } from "@holdfast/flow";
import {
  endpointSchema,
  networkSchema,
  nodeRecordSchema,
  type Phase,
  problemOf,
  type Route,
  type WatchEvent,
} from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { createInventory } from "./inventory.ts";

const at = "2026-01-01T00:00:00.000Z";
const network = networkSchema.parse({
  tenant: "blue",
  name: "web",
  id: "n1",
  kind: "vlan",
  segment: 100,
  subnets: [
    {
      prefix: "10.20.0.0/24",
      gateway: "10.20.0.1",
      ranges: [],
      exclusions: [{ first: "10.20.0.9", last: "10.20.0.9" }],
    },
  ],
  mtu: 1500,
  docker: true,
  cooldownSeconds: 60,
  labels: {},
  createdAt: at,
  revision: 1,
});
const overlay = { ...network, name: networkSchema.shape.name.parse("inner"), id: "n2", kind: "vxlan" as const };
const node = nodeRecordSchema.parse({
  name: "h1",
  tunnelAddress: "172.16.0.1",
  addresses: ["192.168.50.11", "172.16.0.1"],
  version: "1",
  labels: {},
  state: "ready",
  createdAt: at,
  revision: 1,
});
const endpoint = (id: string, createdAt: string) =>
  endpointSchema.parse({
    id,
    tenant: "blue",
    network: "web",
    identity: id,
    node: "h1",
    epoch: 1,
    addresses: ["10.20.0.5"],
    mac: "02:64:0a:14:00:05",
    phase: "reserved",
    history: [],
    workload: { runtime: "manual" },
    createdAt,
    revision: 2,
  });

/** What happened to 10.20.0.5 of the network, unless said otherwise. */
const entry = (id: string, event: string, when: string, more: object = {}) => ({
  id: "x",
  tenant: "blue",
  network: "web",
  address: "10.20.0.5",
  identity: "x",
  node: "h1",
  event,
  at: when,
  actor: "test",
  ...(id === "" ? {} : { endpoint: id }),
  revision: 1,
  ...more,
});

/** A controller whose lists are these, and whose watch says what is pushed. */
function fakeController() {
  const lists: Record<string, readonly unknown[]> = { listNetworks: [network], listNodes: [node], listEndpoints: [] };
  const pushed: (WatchEvent | Error)[] = [];
  let wake: () => void = () => undefined;
  let connections = 0;
  const client = {
    call: (route: Route) => Promise.resolve({ items: lists[route.id] ?? [], revision: 1 }),
    async *stream(_route: Route, _input: unknown, { signal }: { signal: AbortSignal }) {
      connections += 1;
      yield { type: "bookmark", revision: 1 } as const;
      for (;;) {
        const event = pushed.shift();
        if (event instanceof Error) throw event;
        if (event !== undefined) yield event;
        if (event !== undefined) continue;
        signal.throwIfAborted();
        const next = Promise.withResolvers<void>();
        wake = next.resolve;
        signal.addEventListener("abort", () => next.reject(signal.reason), { once: true });
        await next.promise;
      }
    },
  } as unknown as Client;
  const push = (event: WatchEvent | Error): void => {
    pushed.push(event);
    wake();
  };
  return { client, lists, push, connections: () => connections };
}

function start() {
  const controller = fakeController();
  const clock = new ManualClock(new Date(at));
  const told: InventoryChange[] = [];
  const tell = (changes: readonly InventoryChange[]): void => void told.push(...changes);
  const inventory = createInventory({ client: controller.client, clock, logger: new RecordingLogger(), tell });
  const ending = new AbortController();
  const running = inventory.run(ending.signal);
  const stop = async (): Promise<void> => {
    ending.abort();
    await running;
  };
  return { ...controller, clock, told, inventory, [Symbol.asyncDispose]: stop };
}

const put = (object: ReturnType<typeof endpoint>): WatchEvent => ({
  type: "put",
  kind: "endpoint",
  revision: 3,
  object,
});
const gone = (id: string): WatchEvent => ({ type: "delete", kind: "endpoint", revision: 4, key: { endpoint: id } });

describe("an inventory", () => {
  test("tells what there is and each change, with the times of the controller's book", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, clock, told, push } = stage;
    await expect.poll(() => inventory.status().state).toBe("in-step");
    push(put(endpoint("a", "2025-12-31T23:59:00.000Z")));
    await expect.poll(() => inventory.status().endpoints).toBe(1);
    push(put(endpoint("a", at)));
    clock.advance(5000);
    push(gone("a"));
    await expect.poll(() => inventory.status().endpoints).toBe(0);
    const begun = Date.parse("2025-12-31T23:59:00.000Z");
    expect(
      told.map((change) => [change.kind, "from" in change ? change.from : "to" in change ? change.to : 0]),
    ).toEqual([
      ["node", Date.parse(at)],
      ["begin", begun],
      ["end", Date.parse(at) + 5000],
    ]);
    expect(inventory.nodeOf("172.16.0.1")).toBe("h1");
    expect(inventory.nodeOf("192.168.50.11")).toBe("h1");
    expect(inventory.endpoint(0)).toMatchObject({ tenant: "blue", network: "web", identity: "a", node: "h1" });
  });

  test("tells at which interface an endpoint is, from when it was wired until it is off the wire", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, told, push } = stage;
    await expect.poll(() => inventory.status().state).toBe("in-step");
    const step = (phase: Phase, second: number) => ({
      phase,
      at: `2026-01-01T00:00:0${second}.000Z`,
      actor: "node/h1",
    });
    const wired = [step("reserved", 0), step("binding", 1), step("wired", 2)];
    const gone = [...wired, step("detaching", 6), step("detached", 7)];
    push(put(endpoint("a", at)));
    push(put({ ...endpoint("a", at), history: [...wired, step("active", 3)], ifIndex: 7 }));
    push(put({ ...endpoint("a", at), history: [...wired, step("active", 3)], ifIndex: 7 }));
    push(put({ ...endpoint("a", at), history: gone }));
    push(put({ ...endpoint("b", at), history: wired, ifIndex: 7 }));
    await expect.poll(() => inventory.status().endpoints).toBe(2);
    const begun = Date.parse(at);
    expect(told.slice(1)).toMatchObject([
      { kind: "begin" },
      { kind: "plug", endpoint: 0, ifIndex: 7, from: begun + 2000 },
      { kind: "unplug", endpoint: 0, to: begun + 7000 },
      { kind: "begin" },
      { kind: "plug", endpoint: 1, ifIndex: 7, from: begun + 2000 },
    ]);
  });

  test("knows nodes that come later by one number each, and tells them again when they are called otherwise only", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, clock, told, push } = stage;
    await expect.poll(() => inventory.status().state).toBe("in-step");
    const [first, second] = ["172.16.0.2", "172.16.0.3"] as const;
    const h2 = (tunnelAddress: string) => nodeRecordSchema.parse({ ...node, name: "h2", tunnelAddress, addresses: [] });
    const changed = (object: typeof node): WatchEvent => ({ type: "put", kind: "node", revision: 3, object });
    clock.advance(5000);
    for (const object of [h2(first), { ...h2(first), version: "2" }, h2(second)]) push(changed(object));
    push(put({ ...endpoint("a", at), node: h2(first).name }));
    await expect.poll(() => inventory.status()).toMatchObject({ nodes: 2, endpoints: 1 });
    expect(told.slice(1)).toMatchObject([
      { kind: "node", node: 1, from: Date.parse(at) + 5000 },
      { kind: "node", node: 1, from: 0 },
      { kind: "begin", endpoint: { node: 1 } },
    ]);
    expect(inventory.nodeOf(second)).toBe("h2");
    push({ type: "delete", kind: "node", revision: 4, key: { node: "h2" } });
    await expect.poll(() => inventory.status().nodes).toBe(1);
  });

  test("knows a network that comes later", async () => {
    const stage = start();
    await using _ = stage;
    await expect.poll(() => stage.inventory.status().state).toBe("in-step");
    const later = networkSchema.parse({
      ...network,
      name: "later",
      subnets: [{ ...network.subnets[0], prefix: "10.30.0.0/24", gateway: "10.30.0.1", exclusions: [] }],
    });
    stage.push({ type: "put", kind: "network", revision: 6, object: later });
    await expect.poll(() => isInsideText(stage.inventory, "10.30.0.5")).toBe(true);
  });

  test("that the controller tells of trouble is behind, and says which", async () => {
    const stage = start();
    await using _ = stage;
    await expect.poll(() => stage.inventory.status().state).toBe("in-step");
    const problem = problemOf(new HoldfastError("revision_gone", "the changes since revision 1 are not kept any more"));
    stage.push({ type: "error", problem });
    await expect
      .poll(() => stage.inventory.status())
      .toMatchObject({ state: "behind", error: "the changes since revision 1 are not kept any more" });
  });

  test("that was cut off says since when, comes again, and ends who is gone meanwhile", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, clock, told, push, lists, connections } = stage;
    lists.listEndpoints = [endpoint("a", at), endpoint("b", at)];
    await expect.poll(() => inventory.status()).toMatchObject({ state: "in-step", endpoints: 2 });
    clock.advance(1000);
    push(new HoldfastError("unavailable", "connection reset"));
    await expect
      .poll(() => inventory.status())
      .toMatchObject({ state: "behind", error: "connection reset", since: "2026-01-01T00:00:01.000Z" });
    lists.listEndpoints = [endpoint("b", at)];
    clock.advance(60_000);
    await expect.poll(() => inventory.status()).toMatchObject({ state: "in-step", endpoints: 1 });
    expect(connections()).toBe(2);
    expect(inventory.status()).not.toHaveProperty("error");
    expect(told.filter(({ kind }) => kind === "end")).toMatchObject([{ endpoint: { number: 0 } }]);
  });

  test("that hears nothing takes the controller for dead", async () => {
    const stage = start();
    await using _ = stage;
    await expect.poll(() => stage.inventory.status().state).toBe("in-step");
    stage.clock.advance(30_000);
    await expect
      .poll(() => stage.inventory.status())
      .toMatchObject({ state: "behind", error: "nothing was heard for 30 s" });
  });

  test("knows an ended endpoint by its number for a quarter of an hour, and gives the number again after it", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, clock, push, told } = stage;
    await expect.poll(() => inventory.status().state).toBe("in-step");
    push(put(endpoint("a", at)));
    await expect.poll(() => inventory.status().endpoints).toBe(1);
    push(gone("a"));
    await expect.poll(() => inventory.status().endpoints).toBe(0);
    for (let minute = 0; minute < 15; minute++) {
      clock.advance(60_000);
      await setImmediate();
    }
    expect(told.filter(({ kind }) => kind === "forget")).toHaveLength(15);
    expect(inventory.endpoint(0)).toMatchObject({ identity: "a" });
    clock.advance(60_000);
    await expect.poll(() => inventory.endpoint(0)).toBeUndefined();
  });

  test("knows the groups of endpoints, and looks again every minute", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, lists, clock } = stage;
    const member = { tenant: "blue", network: "web", identity: "a", addresses: ["10.20.0.5"] };
    lists.listEndpoints = [endpoint("a", at), endpoint("b", at)];
    lists.listGroups = [
      { tenant: "blue", name: "web" },
      { tenant: "blue", name: "db" },
    ];
    lists.listGroupMembers = [member, { ...member, identity: "other" }];
    const groups = () => [0, 1].map((number) => inventory.endpoint(number)?.groups);
    await expect.poll(groups).toEqual([["db", "web"], []]);
    lists.listGroupMembers = [{ ...member, identity: "b" }];
    clock.advance(60_000);
    await expect.poll(groups).toEqual([[], ["db", "web"]]);
  });

  test("knows who had ended before it began, by the ledger", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, told, lists } = stage;
    const minutesAgo = (count: number): string => new Date(Date.parse(at) - count * 60_000).toISOString();
    lists.listEndpoints = [endpoint("here", minutesAgo(2))];
    lists.listLedger = [
      entry("a-1", "bound", minutesAgo(9), { identity: "a" }),
      entry("a-1", "moved", minutesAgo(7), { identity: "a", endpoint: "a-2", formerEndpoint: "a-1" }),
      entry("", "cooled", minutesAgo(6), { address: "10.20.0.8" }),
      entry("a-2", "detached", minutesAgo(5), { identity: "a" }),
      entry("old", "moved", minutesAgo(4), { address: "10.20.0.6", identity: "b" }),
      entry("old", "released", minutesAgo(4), { address: "10.20.0.7", identity: "b" }),
      entry("", "released", minutesAgo(4), { address: "10.20.0.9" }),
      entry("c-1", "released", minutesAgo(3), { identity: "c" }),
      entry("d-2", "moved", minutesAgo(3), { address: "10.20.0.10", identity: "d", formerEndpoint: "d-1" }),
      entry("here", "bound", minutesAgo(2), { identity: "here" }),
      // The watch tells that.
      entry("here", "detached", minutesAgo(1), { identity: "here" }),
    ];
    await inventory.loaded;
    const times = told.flatMap((change) => {
      if (change.kind !== "begin" && change.kind !== "end") return [];
      const { number, mac, addresses } = change.endpoint;
      const minute = (Date.parse(at) - ("from" in change ? change.from : change.to)) / 60_000;
      const { endpoint: id, identity } = inventory.endpoint(number) ?? {};
      return [`${change.kind} ${id}/${identity} ${minute} min ago: ${addresses.length} by ${mac[1].toString(16)}`];
    });
    expect(times).toEqual([
      "begin here/here 2 min ago: 1 by a140005",
      "begin a-1/a 9 min ago: 1 by a140005",
      "end a-1/a 7 min ago: 1 by a140005",
      "begin a-2/a 7 min ago: 1 by a140005",
      "end a-2/a 5 min ago: 1 by a140005",
      "begin old/b 10 min ago: 2 by a140006",
      "end old/b 4 min ago: 2 by a140006",
      "begin c-1/c 5 min ago: 1 by a140005",
      "end c-1/c 3 min ago: 1 by a140005",
      "begin d-1/d 10 min ago: 1 by a14000a",
      "end d-1/d 3 min ago: 1 by a14000a",
    ]);
    expect(inventory.status().endpoints).toBe(1);
  });

  test("goes on without the past when the ledger cannot be read", async () => {
    const stage = start();
    await using _ = stage;
    stage.lists.listLedger = [{}];
    stage.lists.listEndpoints = [endpoint("here", at)];
    await expect.poll(() => stage.inventory.status()).toMatchObject({ state: "in-step", endpoints: 1 });
    await stage.inventory.loaded;
    stage.push(put(endpoint("next", at)));
    await expect.poll(() => stage.inventory.status().endpoints).toBe(2);
  });

  test("tells addresses that containers may have from all others", async () => {
    const stage = start();
    await using _ = stage;
    const { inventory, lists } = stage;
    await expect.poll(() => inventory.status().state).toBe("in-step");
    const addresses = endpoint("a", at).addresses;
    expect(addresses.map((address) => inventory.isInside(address, undefined))).toEqual([true]);
    expect(isInsideText(inventory, "10.20.0.1")).toBe(false);
    expect(isInsideText(inventory, "10.20.0.9")).toBe(false);
    expect(isInsideText(inventory, "10.21.0.5")).toBe(false);
    lists.listNetworks = [overlay];
    stage.push({ type: "delete", kind: "network", revision: 5, key: { tenant: "blue", network: "web" } });
    stage.push({ type: "put", kind: "network", revision: 6, object: overlay });
    await expect.poll(() => isInsideText(inventory, "10.20.0.5")).toBe(false);
  });
});

function isInsideText(inventory: ReturnType<typeof createInventory>, text: string): boolean {
  const address = endpointSchema.shape.addresses.parse([text])[0];
  return address !== undefined && inventory.isInside(address, undefined);
}
