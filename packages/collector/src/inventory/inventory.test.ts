import { setImmediate } from "node:timers/promises";
import type { Client } from "@holdfast/client";
import { HoldfastError } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import type { InventoryChange } from "@holdfast/flow";
import { endpointSchema, networkSchema, nodeRecordSchema, type Route, type WatchEvent } from "@holdfast/model";
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
