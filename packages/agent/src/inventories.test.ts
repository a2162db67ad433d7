import type { Client } from "@holdfast/client";
import { Identity, IpAddress, MacAddress, Name, silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { DatapathDriver, WiredInterface } from "@holdfast/datapath";
import type { NodeInventory } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { type Book, openBook } from "./book.ts";
import { createInventories } from "./inventories.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createRuntimeSightings } from "./runtime-sightings.ts";
import type { SandboxState } from "./sandboxes.ts";

const SANDBOX = "/netns/1";
const START = Date.parse("2026-01-01T00:00:00Z");

function endpoint(id: string, rest: Partial<LocalEndpoint> = {}): LocalEndpoint {
  const address = IpAddress.parse("10.20.0.7");
  const about = { tenant: Name.parse("default"), network: Name.parse("web"), identity: Identity.parse("redis-0") };
  const attachment = { workload: { runtime: "docker" as const, endpoint: `docker-${id}` }, sandbox: SANDBOX };
  return {
    ...{ id, ...about, networkId: "n1", ephemeral: true, epoch: 1, addresses: [address], ...attachment },
    ...{ mac: MacAddress.ofAddress(address, 100), phase: "active", since: START - 1000, requester: "pool", grants: 1 },
    ...{ ports: [], unreported: [], known: true },
    ...rest,
  };
}

/** What an agent tells that has these endpoints in its book, on a machine that says this. */
async function inventory(
  endpoints: readonly LocalEndpoint[],
  machine: { interfaces?: readonly WiredInterface[]; sandbox?: SandboxState; listed?: readonly string[] | null } = {},
  meanwhile: (book: Book, look: number) => Promise<readonly WiredInterface[] | undefined> = () =>
    Promise.resolve(undefined),
): Promise<NodeInventory> {
  const clock = new ManualClock(new Date(START));
  const book = await openBook(openMemoryStore({ clock }), () => "book-1", clock);
  for (const each of endpoints) await book.putEndpoint(each);
  const sightings = createRuntimeSightings({ clock });
  const { listed, sandbox } = machine;
  if (listed !== undefined) sightings.sighted("docker", listed === null ? undefined : new Set(listed));
  const told = Promise.withResolvers<NodeInventory>();
  const client = {
    call: (_: unknown, { body }: { body: NodeInventory }) => Promise.resolve(told.resolve(body)),
  } as unknown as Client;
  let looks = 0;
  const driver = {
    inventory: async () => (await meanwhile(book, ++looks)) ?? machine.interfaces ?? [],
  } as unknown as DatapathDriver;
  const sandboxes = { look: () => Promise.resolve(new Map(sandbox === undefined ? [] : [[SANDBOX, sandbox]])) };
  const common = { book, client, driver, sandboxes, sightings, clock, logger: silentLogger };
  const inventories = createInventories(
    { ...common, nonce: () => "life-1", awaited: () => ["e-awaited"] },
    Name.parse("h1"),
  );
  const stop = new AbortController();
  const running = inventories.run(stop.signal);
  inventories.tell(7);
  const found = await told.promise;
  stop.abort();
  await running;
  return found;
}

describe("an inventory", () => {
  test("says of each endpoint what book and machine have of it", async () => {
    const interfaces = [{ endpoint: "a", interface: "hfp1", state: "up" as const }];
    const found = await inventory([endpoint("a")], { interfaces, sandbox: "inhabited", listed: ["docker-a"] });
    expect(found).toMatchObject({ run: "life-1", revision: 7, awaited: ["e-awaited"], strays: [] });
    expect(found.runtimes).toEqual([{ name: "docker", isReached: true }]);
    expect(found.endpoints).toMatchObject([
      {
        id: "a",
        phase: "active",
        since: "2025-12-31T23:59:59.000Z",
        link: "up",
        sandbox: "inhabited",
        runtime: "listed",
      },
    ]);
  });

  test("leaves what was made here or released, and not told yet, to its report, and names interfaces of nobody", async () => {
    const interfaces = [{ endpoint: "ghost", interface: "hfp9", state: "down" as const }];
    const next = endpoint("b", { known: false, replaces: "a", replacesAlso: ["a2"] });
    const made = endpoint("d", { known: false });
    const found = await inventory([next, endpoint("c", { phase: "released" }), made, endpoint("e")], { interfaces });
    expect(found.endpoints.map(({ id }) => id)).toEqual(["e"]);
    expect(found.awaited).toEqual(["e-awaited", "b", "a", "a2", "c", "d"]);
    expect(found.strays).toEqual([{ endpoint: "ghost", interface: "hfp9" }]);
  });

  test("does not judge by the machine what has changed while it looked", async () => {
    const interfaces = [{ endpoint: "a", interface: "hfp1", state: "gone" as const }];
    const found = await inventory([endpoint("a")], { interfaces, sandbox: "gone", listed: [] }, async (book) => {
      await book.putEndpoint(endpoint("a", { since: START + 5 }));
      return undefined;
    });
    expect(found.endpoints).toMatchObject([{ link: "none", sandbox: "unknown", runtime: "unknown" }]);
  });

  test("does not take for a stray what has ended while it looked", async () => {
    const found = await inventory([endpoint("a")], {}, async (book, look) => {
      if (look > 1) return [];
      await book.deleteEndpoint("a");
      return [{ endpoint: "a", interface: "hfp1", state: "up" }];
    });
    expect(found).toMatchObject({ endpoints: [], strays: [] });
  });

  test.each([
    ["the runtime does not have it", { listed: [] }, "missing"],
    ["the runtime is not reached", { listed: null }, "unknown"],
    ["the runtime was never asked", {}, "unknown"],
  ])("%s", async (_, machine, runtime) => {
    expect((await inventory([endpoint("a")], machine)).endpoints).toMatchObject([{ runtime, sandbox: "unknown" }]);
  });
});
