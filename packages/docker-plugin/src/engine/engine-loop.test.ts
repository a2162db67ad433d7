import { HoldfastError } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { openRecords, type Records } from "../drivers/records.ts";
import { FakeEngine } from "../testing/fake-engine.ts";
import { fakeNetwork } from "../testing/fake-network.ts";
import { FakeWorkloads } from "../testing/fake-workloads.ts";
import { MemoryState } from "../testing/memory-state.ts";
import { createEngineLoop } from "./engine-loop.ts";

const web = fakeNetwork("web", ["10.20.0.0/16"]);
const managed = {
  labels: { "holdfast.managed": "true", "holdfast.subnets": "10.20.0.0/16 via 10.20.0.1" },
  ipamOptions: { "holdfast.network": "default/web" },
  subnets: ["10.20.0.0/16"],
};

interface LoopFixture extends AsyncDisposable {
  readonly engine: FakeEngine;
  readonly workloads: FakeWorkloads;
  readonly records: Records;
  readonly logger: RecordingLogger;
  /** Sandboxes that exist, with a process in each. */
  readonly inhabited: Set<string>;
  /** Lets this much time pass, and everything happen that follows. */
  advance(milliseconds: number): Promise<void>;
  /** Lets everything happen that follows without time passing. */
  settle(): Promise<void>;
  /** An event of dockerd, and what follows. */
  event(): Promise<void>;
  /** A container with an attachment that dockerd lists; gives its EndpointID. */
  attach(networkId: string, id: string): Promise<void>;
}

async function loopFixture({ networks = [web], engine = new FakeEngine() } = {}): Promise<LoopFixture> {
  const clock = new ManualClock();
  const logger = new RecordingLogger();
  const workloads = new FakeWorkloads({ networks, now: () => clock.now().getTime(), sandboxLives: () => false });
  const records = await openRecords(new MemoryState());
  const inhabited = new Set<string>();
  const lives = async (path: string): Promise<boolean> => inhabited.has(path);
  const sandboxes = { exists: lives, isInhabited: lives };
  const loop = createEngineLoop({ engine, workloads, records, sandboxes, clock, logger });
  const stop = new AbortController();
  const running = loop.run(stop.signal);
  // Nothing here waits for anything but promises and the clock.
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
  };
  const advance = async (milliseconds: number): Promise<void> => {
    for (let passed = 0; passed < milliseconds; passed += 500) {
      clock.advance(Math.min(500, milliseconds - passed));
      await settle();
    }
  };
  await settle();
  return {
    engine,
    workloads,
    records,
    logger,
    inhabited,
    advance,
    settle,
    async event() {
      engine.tell();
      await settle();
      await advance(1_000);
    },
    async attach(networkId, id) {
      const target = { tenant: web.tenant, network: web.name } as const;
      const { addresses } = await workloads.reserve({ ...target, runtime: "docker", requester: id }, stop.signal);
      await workloads.attach({ ...target, runtime: "docker", runtimeEndpoint: id, addresses }, stop.signal);
      await workloads.joined({ runtimeEndpoint: id, sandbox: `/netns/${id}` });
      engine.setEndpoints(networkId, [{ id, container: "redis" }]);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      engine.stop();
      clock.advance(60_000);
      await running;
    },
  };
}

describe("docker networks", () => {
  test("are made when dockerd comes, and only once", async () => {
    const engine = new FakeEngine();
    engine.stop();
    await using loop = await loopFixture({ engine });
    await loop.advance(10_000);
    expect(engine.networkList).toEqual([]);
    engine.start();
    await loop.advance(10_000);
    expect(engine.networkList).toMatchObject([{ name: "web", ...managed }]);
    await loop.event();
    expect(engine.networkList).toHaveLength(1);
  });

  test("are made at once, also right after dockerd was looked at", async () => {
    await using loop = await loopFixture();
    await loop.event();
    loop.engine.tell();
    await loop.settle();
    loop.workloads.setNetworks([web, fakeNetwork("cache", ["10.30.0.0/24"])]);
    await loop.settle();
    expect(loop.engine.networkList.map(({ name }) => name)).toEqual(["web", "cache"]);
  });

  test("follow the list of networks, and go only when they have been too many for five seconds", async () => {
    await using loop = await loopFixture();
    loop.workloads.setNetworks([]);
    await loop.advance(3_000);
    expect(loop.engine.networkList).toHaveLength(1);
    await loop.advance(6_000);
    expect(loop.engine.networkList).toEqual([]);
  });

  test("are made anew when nobody uses them any more", async () => {
    await using loop = await loopFixture();
    const [before] = loop.engine.networkList;
    loop.engine.setEndpoints(before?.id ?? "", [{ id: "docker-1", container: "redis" }]);
    loop.workloads.setNetworks([fakeNetwork("web", ["10.20.0.0/16", "10.21.0.0/16"])]);
    await loop.advance(5_000);
    expect(loop.engine.networkList).toMatchObject([{ id: before?.id }]);
    expect(loop.logger.events).toContainEqual(
      expect.objectContaining({
        fields: { about: "web", reason: "its subnets have changed, but it is in use by redis" },
      }),
    );
    loop.engine.setEndpoints(before?.id ?? "", []);
    await loop.event();
    expect(loop.engine.networkList).toMatchObject([{ name: "web", subnets: ["10.20.0.0/16", "10.21.0.0/16"] }]);
  });

  test("stay when a stopped container names them by id", async () => {
    await using loop = await loopFixture();
    const [before] = loop.engine.networkList;
    loop.engine.byId.set(before?.id ?? "", ["old"]);
    loop.workloads.setNetworks([fakeNetwork("web", ["10.20.0.0/16", "10.21.0.0/16"])]);
    await loop.advance(5_000);
    expect(loop.engine.networkList).toMatchObject([{ id: before?.id }]);
  });

  test("that cannot be made are tried again, and said once", async () => {
    const engine = new FakeEngine();
    const foreign = engine.add("web");
    await using loop = await loopFixture({ engine });
    await loop.advance(40_000);
    expect(loop.logger.events.filter(({ message }) => message.includes("not as it should"))).toHaveLength(1);
    await engine.removeNetwork(foreign);
    await loop.advance(15_000);
    expect(engine.networkList).toMatchObject([{ name: "web", ...managed }]);
  });

  test("that are not ours are never touched", async () => {
    const engine = new FakeEngine();
    engine.add("theirs", { ipamOptions: { "holdfast.network": "gone" } });
    await using loop = await loopFixture({ engine, networks: [] });
    await loop.advance(30_000);
    expect(engine.networkList).toHaveLength(1);
  });
});

describe("attachments", () => {
  test("that dockerd has are never reclaimed", async () => {
    await using loop = await loopFixture();
    const [network] = loop.engine.networkList;
    await loop.attach(network?.id ?? "", "docker-1");
    for (let round = 0; round < 5; round++) {
      await loop.event();
      await loop.advance(10_000);
    }
    expect(loop.workloads.calls).not.toContain("reclaim");
  });

  test("that dockerd does not have are reclaimed after the second look", async () => {
    await using loop = await loopFixture();
    const [network] = loop.engine.networkList;
    await loop.attach(network?.id ?? "", "docker-1");
    await loop.advance(1_000);
    loop.engine.setEndpoints(network?.id ?? "", []);
    await loop.event();
    expect(loop.workloads.live).toHaveLength(1);
    await loop.advance(7_000);
    expect(loop.workloads.live).toEqual([]);
  });

  test("are not reclaimed while there is no dockerd, nor on the first look at the next one", async () => {
    await using loop = await loopFixture();
    const [network] = loop.engine.networkList;
    await loop.attach(network?.id ?? "", "docker-1");
    await loop.advance(1_000);
    loop.engine.setEndpoints(network?.id ?? "", []);
    await loop.event();
    loop.engine.stop();
    await loop.advance(60_000);
    expect(loop.workloads.calls).not.toContain("reclaim");
    const before = loop.engine.looks;
    loop.engine.start();
    while (loop.engine.looks === before) await loop.advance(100);
    expect(loop.workloads.live).toHaveLength(1);
    await loop.advance(10_000);
    expect(loop.workloads.live).toEqual([]);
  });

  test("of a process that runs are kept, even when dockerd has lost all its memory", async () => {
    await using loop = await loopFixture();
    const [network] = loop.engine.networkList;
    await loop.attach(network?.id ?? "", "docker-1");
    const record = { network: network?.id ?? "", sandbox: "/netns/docker-1", ports: [], contested: [] };
    await loop.records.putEndpoint("docker-1", record);
    loop.inhabited.add("/netns/docker-1");
    await loop.event();
    expect(loop.records.endpoint("docker-1")).toMatchObject({ sandboxSeen: true });
    loop.engine.setEndpoints(network?.id ?? "", []);
    await loop.advance(60_000);
    await loop.event();
    await loop.advance(60_000);
    expect(loop.workloads.live).toHaveLength(1);
    loop.inhabited.clear();
    await loop.advance(15_000);
    expect(loop.workloads.live).toEqual([]);
  });

  test("that were reserved for an endpoint that never came are reclaimed", async () => {
    await using loop = await loopFixture();
    const request = { tenant: web.tenant, network: web.name, runtime: "docker", requester: "pool" } as const;
    await loop.workloads.reserve(request, new AbortController().signal);
    await loop.event();
    await loop.advance(25_000);
    expect(loop.workloads.live).toHaveLength(1);
    await loop.advance(20_000);
    expect(loop.workloads.live).toEqual([]);
  });

  test("that get their endpoint while dockerd is asked for the last time are left alone", async () => {
    await using loop = await loopFixture();
    const { signal } = new AbortController();
    const target = { tenant: web.tenant, network: web.name, runtime: "docker" } as const;
    const { addresses } = await loop.workloads.reserve({ ...target, requester: "pool" }, signal);
    await loop.event();
    await loop.advance(30_000);
    // Suspected by now; the looks that follow are those that may decide.
    loop.engine.beforeList = async () => {
      await loop.workloads.attach({ ...target, runtimeEndpoint: "docker-1", addresses }, signal);
    };
    const { looks } = loop.engine;
    for (let passed = 0; loop.engine.looks === looks && passed < 60; passed++) await loop.advance(500);
    loop.engine.beforeList = () => Promise.resolve();
    expect(loop.workloads.live).toHaveLength(1);
  });

  test("get the name of their container", async () => {
    await using loop = await loopFixture();
    const [network] = loop.engine.networkList;
    await loop.attach(network?.id ?? "", "docker-1");
    await loop.event();
    expect(loop.workloads.live).toMatchObject([{ container: "redis" }]);
    loop.engine.setEndpoints(network?.id ?? "", [{ id: "docker-1", container: "renamed" }]);
    await loop.event();
    expect(loop.workloads.live).toMatchObject([{ container: "renamed" }]);
  });
});

describe("the plugin's memory", () => {
  test("takes over what only dockerd knows, and forgets what dockerd has not had for five seconds", async () => {
    const engine = new FakeEngine();
    const theirs = engine.add("theirs", {
      ipamOptions: { "holdfast.network": "web" },
      subnets: ["10.20.0.0/16"],
      auxiliary: ["10.20.0.9"],
    });
    await using loop = await loopFixture({ engine });
    expect(loop.records.network(theirs)).toEqual({
      tenant: "default",
      network: "web",
      pools: ["10.20.0.0/16"],
      auxiliary: ["10.20.0.9"],
    });
    await engine.removeNetwork(theirs);
    await loop.event();
    expect(loop.records.networks().has(theirs)).toBe(true);
    await loop.advance(7_000);
    expect(loop.records.networks().has(theirs)).toBe(false);
  });

  test("is not changed when dockerd gives an error", async () => {
    await using loop = await loopFixture();
    await loop.advance(1_000);
    loop.engine.networks = () => Promise.reject(new HoldfastError("unavailable", "dockerd answers with 500"));
    const [network] = loop.engine.networkList;
    await loop.records.putNetwork(network?.id ?? "", {
      tenant: web.tenant,
      network: web.name,
      pools: [],
      auxiliary: [],
    });
    await loop.event();
    await loop.advance(60_000);
    expect(loop.records.networks().size).toBe(1);
  });

  test("a storm of events is one look a second", async () => {
    await using loop = await loopFixture();
    await loop.advance(2_000);
    const before = loop.engine.looks;
    for (let index = 0; index < 200; index++) loop.engine.tell();
    await loop.advance(3_000);
    expect(loop.engine.looks - before).toBeLessThanOrEqual(3);
    expect(loop.engine.looks - before).toBeGreaterThanOrEqual(1);
  });
});
