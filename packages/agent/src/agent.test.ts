import { type Client, createClient } from "@holdfast/client";
import { type Controller, createController } from "@holdfast/controller";
import { controllerOptions } from "@holdfast/controller/config";
import { Identity, IpAddress, Name, readOptions, silentLogger, systemClock } from "@holdfast/core";
import { type Endpoint, type Phase, type ReserveRequest, routes } from "@holdfast/model";
import { openMemoryStore, type Store } from "@holdfast/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Agent, startAgent } from "./agent.ts";
import { FakeDriver } from "./testing/fake-driver.ts";

const signal = AbortSignal.timeout(20_000);
const node = Name.parse("h1");
const [tenant, network] = [Name.parse("default"), Name.parse("web")];
const address = IpAddress.parse("10.20.0.7");
const token = "token-of-the-test";
const docker = { tenant, network, runtime: "docker", requester: "pool-1" } as const;

/** A controller that can go away and come back with what it had, and one agent on a data path of memory. */
class World implements AsyncDisposable {
  readonly #controllerStore = openMemoryStore({ clock: systemClock });
  readonly bookStore: Store = openMemoryStore({ clock: systemClock });
  #controller: Controller | undefined;
  #port = 0;
  agent!: Agent;
  client!: Client;
  driver = new FakeDriver();

  static async start(): Promise<World> {
    const world = new World();
    await world.startController();
    await world.startAgent();
    await world.client.call(
      routes.createNetwork,
      {
        params: { tenant },
        body: { name: network, kind: "vlan", segment: 100, subnets: [{ prefix: "10.20.0.0/24" }] },
      },
      { signal },
    );
    await world.until(() => world.driver.networks.size === 1);
    return world;
  }

  async startController(): Promise<void> {
    const flags = { listen: `127.0.0.1:${this.#port}`, token, nodeTimeout: "300ms" };
    const options = readOptions("controller", controllerOptions, { flags });
    this.#controller = createController(
      { store: this.#controllerStore, clock: systemClock, logger: silentLogger },
      options,
    );
    await this.#controller.start();
    this.#port = this.#controller.address.port;
    this.client = createClient({ fetch }, { server: `http://127.0.0.1:${this.#port}`, token });
  }

  async stopController(): Promise<void> {
    await this.#controller?.stop();
    this.#controller = undefined;
  }

  async startAgent(): Promise<void> {
    const dependencies = {
      store: this.bookStore,
      client: this.client,
      driver: this.driver,
      clock: systemClock,
      logger: silentLogger,
    };
    const times = { beatMilliseconds: 100, reservationTimeoutMilliseconds: 60_000 };
    this.agent = await startAgent(dependencies, { node, report: { version: "test", labels: {} }, ...times });
  }

  /** Another life of the agent: the same book, a data path that forgot who called. */
  async restartAgent(): Promise<void> {
    await this.agent.stop();
    this.driver = new FakeDriver();
    await this.startAgent();
  }

  async claim(identity: string): Promise<void> {
    const body = { identity, addresses: [address] };
    await this.client.call(routes.createClaim, { params: { tenant, network }, body }, { signal });
  }

  async endpoints(): Promise<Endpoint[]> {
    return (await this.client.call(routes.listEndpoints, {}, { signal })).items;
  }

  /** The phases that the controller knows of, once they are as wanted. */
  async known(...phases: readonly Phase[]): Promise<void> {
    await this.until(
      async () => JSON.stringify((await this.endpoints()).map(({ phase }) => phase)) === JSON.stringify(phases),
    );
  }

  /** Looks until it is so; fails with the test's own time limit. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      signal.throwIfAborted();
      await systemClock.wait(5, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.agent.stop();
    await this.stopController();
  }
}

let world: World;
beforeEach(async () => {
  world = await World.start();
});
afterEach(async () => {
  await world[Symbol.asyncDispose]();
});

const reserve = (request: Partial<ReserveRequest> = {}) =>
  world.agent.workloads.reserve({ ...docker, address, ...request }, signal);
const attach = (runtimeEndpoint: string, more: object = {}) =>
  world.agent.workloads.attach(
    { runtime: "docker", runtimeEndpoint, tenant, network, addresses: [address], ...more },
    signal,
  );
const unreserve = () => world.agent.workloads.unreserve({ tenant, network, address }, signal);
const detach = (runtimeEndpoint: string) => world.agent.workloads.detach({ runtimeEndpoint }, signal);

describe("the life of a container", () => {
  test("goes through every phase, and the claim stays when the container is gone", async () => {
    await world.claim("redis-0");
    const { endpoint, identity, mac } = await reserve();
    expect([identity, mac]).toEqual(["redis-0", "02:64:0a:14:00:07"]);
    const wired = await attach("d1");
    expect(wired).toMatchObject({ interfaceName: `c${endpoint}`, mac, gateways: ["10.20.0.1"] });
    await world.agent.workloads.joined({ runtimeEndpoint: "d1", sandbox: "/netns/x" }, signal);
    world.driver.emit({ endpoint, state: "up" });
    await world.known("active");
    expect(world.driver.journal).toContain(`announce ${endpoint}`);
    await detach("d1");
    await unreserve();
    expect(await world.endpoints()).toEqual([]);
    const params = { tenant, network, identity: Identity.parse("redis-0") };
    const claim = await world.client.call(routes.getClaim, { params }, { signal });
    expect(claim).toMatchObject({ addresses: [address], epoch: 1 });
    expect(claim.binding).toBeUndefined();
  });

  test("tells its interface's number as long as it is on the wire, and another one when it changes", async () => {
    const { endpoint } = await reserve();
    await attach("d1");
    const told = async () => (await world.endpoints())[0]?.ifIndex;
    world.driver.emit({ endpoint, state: "up", ifIndex: 7 });
    await expect.poll(told).toBe(7);
    world.driver.emit({ endpoint, state: "down", ifIndex: 7 });
    world.driver.emit({ endpoint, state: "up", ifIndex: 9 });
    await expect.poll(told).toBe(9);
    await detach("d1");
    await world.until(async () => (await world.endpoints())[0]?.phase === "detached");
    expect(await told()).toBeUndefined();
  });

  test("has all addresses of its claim, and each gateway once", async () => {
    const body = { identity: "redis-0", addresses: [address, "10.20.0.8", "10.20.0.9"] };
    await world.client.call(routes.createClaim, { params: { tenant, network }, body }, { signal });
    const reserved = await reserve({ address: IpAddress.parse("10.20.0.9") });
    expect(reserved.addresses).toEqual(body.addresses);
    expect(reserved.mac).toBe("02:64:0a:14:00:07");
    expect((await attach("d1")).gateways).toEqual(["10.20.0.1"]);
    expect(world.driver.journal).toContain(`attach ${reserved.endpoint} ${body.addresses.join(",")}`);
    await detach("d1");
    await world.agent.workloads.unreserve({ tenant, network, address: IpAddress.parse("10.20.0.8") }, signal);
    expect(await world.endpoints()).toEqual([]);
  });

  test("asked twice at every step, it takes nothing more and gives the same answers", async () => {
    const first = await world.agent.workloads.reserve(docker, signal);
    const again = await world.agent.workloads.reserve(docker, signal);
    expect(again).toEqual(first);
    const [own] = first.addresses;
    if (own === undefined) throw new TypeError("no address");
    const wired = await attach("d1", { addresses: [own] });
    expect(await attach("d1", { addresses: [own] })).toEqual(wired);
    await detach("d1");
    await detach("d1");
    await world.agent.workloads.unreserve({ tenant, network, address: own }, signal);
    await world.agent.workloads.unreserve({ tenant, network, address: own }, signal);
    expect(await world.endpoints()).toEqual([]);
    expect((await world.client.call(routes.listClaims, {}, { signal })).items).toEqual([]);
  });

  test("a wrong identity or MAC is refused, with the right one named, and wires nothing", async () => {
    await world.claim("redis-0");
    await reserve();
    await expect(attach("d1", { identity: "mysql-0" })).rejects.toThrow("10.20.0.7 belongs to redis-0, not to mysql-0");
    await expect(attach("d1", { mac: "02:00:00:00:00:01" })).rejects.toThrow(
      "the MAC of 10.20.0.7 is 02:64:0a:14:00:07",
    );
    expect(world.driver.attached.size).toBe(0);
  });

  test("gets a claim by its name when it is said how long that is kept, with all addresses that are asked for", async () => {
    const retention = { kind: "sticky", ttlSeconds: 60 } as const;
    const [first, second] = [IpAddress.parse("10.20.0.8"), IpAddress.parse("10.20.0.9")];
    const name = { identity: Identity.parse("prod/redis-0"), identityIsHint: true, retention };
    const reserved = await reserve({ ...name, address: first, also: [second] });
    expect(reserved).toMatchObject({ identity: "prod/redis-0", addresses: [first, second] });
    await attach("d1", { addresses: [first] });
    await detach("d1");
    await world.agent.workloads.unreserve({ tenant, network, address: first }, signal);
    const params = { tenant, network, identity: name.identity };
    expect(await world.client.call(routes.getClaim, { params }, { signal })).toMatchObject({ retention });
    const again = await world.agent.workloads.reserve({ ...docker, ...name }, signal);
    expect(again.addresses).toEqual([first, second]);
  });

  describe("that publishes a port", () => {
    const web = { protocol: "tcp", hostPort: 8080, containerPort: 80 } as const;
    const [first, second] = [IpAddress.parse("10.20.0.8"), IpAddress.parse("10.20.0.9")];
    const started = async (name: string, own: IpAddress, port: object) => {
      await reserve({ address: own });
      await attach(name, { addresses: [own], container: name, ports: [port] });
    };

    test.each([
      { what: "the same port", port: web },
      { what: "the same port on one address", port: { ...web, hostAddress: "192.168.1.1" } },
    ])(
      "is refused $what of another that runs, which is named, and may have it when that has ended",
      async ({ port }) => {
        await started("a", first, web);
        await expect(started("b", second, port)).rejects.toMatchObject({
          code: "address_in_use",
          message: expect.stringMatching(
            /^port 8080\/tcp of this node \(h1\) leads to container a of ephemeral.*; publish another one/,
          ),
        });
        expect(world.driver.attached.size).toBe(1);
        await detach("a");
        await attach("b", { addresses: [second], ports: [port] });
      },
    );

    test("has it beside another with another protocol, port or address", async () => {
      await started("a", first, { ...web, hostAddress: "192.168.1.1" });
      await reserve({ address: second });
      const others = [
        { ...web, protocol: "udp" },
        { ...web, hostPort: 8081 },
        { ...web, hostAddress: "192.168.1.2" },
      ];
      await attach("b", { addresses: [second], ports: others });
      await attach("b", { addresses: [second], ports: others });
      expect(world.driver.attached.size).toBe(2);
    });

    test("is refused one port that is to lead to two of its own, and may say the same twice", async () => {
      await reserve({ address: first });
      const attached = (...ports: readonly object[]) => attach("a", { addresses: [first], ports });
      await expect(attached(web, { ...web, containerPort: 81 })).rejects.toMatchObject({
        code: "invalid_argument",
        message: expect.stringMatching(/^port 8080\/tcp of the node is to lead to ports 80 and 81 of the container; /),
      });
      expect(world.driver.attached.size).toBe(0);
      await attached(web, web, { ...web, containerPort: 81, hostAddress: "192.168.1.1" });
      expect(world.driver.attached.size).toBe(1);
    });

    test("gets it once when two ask at the same time", async () => {
      const results = await Promise.allSettled([started("a", first, web), started("b", second, web)]);
      expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    });
  });

  test("a switch that refuses leaves a failed endpoint with the reason, and the address can be had again", async () => {
    await world.claim("redis-0");
    await reserve();
    world.driver.failNextAttach("no room for port 7");
    await expect(attach("d1")).rejects.toThrow("no room for port 7");
    await world.known("failed");
    expect((await world.endpoints())[0]?.history.at(-1)?.reason).toBe("no room for port 7");
    await unreserve();
    await reserve();
    await attach("d2");
    await world.known("wired");
  });
});

describe("two containers with one address", () => {
  test("the second is refused with the first named, and what is given back for it does not hurt the first", async () => {
    await world.claim("redis-0");
    await reserve();
    await attach("d1", { container: "redis" });
    await expect(reserve()).rejects.toThrow(
      "10.20.0.7 of redis-0 is in use on this node (h1) by container redis; stop that first",
    );
    expect(world.driver.attached.size).toBe(1);
  });

  test("a request that was answered twice may be given back once without loss", async () => {
    await world.claim("redis-0");
    await reserve();
    await reserve();
    await attach("d1");
    await unreserve();
    expect(world.driver.attached.size).toBe(1);
    await unreserve();
    expect(world.driver.attached.size).toBe(0);
  });
});

describe("without a controller", () => {
  test("a container on a claim of this node starts again, and the book agrees afterwards", async () => {
    await world.claim("redis-0");
    await reserve();
    await attach("d1");
    await world.known("wired");
    await world.stopController();
    await detach("d1");
    await unreserve();
    await reserve();
    const { endpoint } = await attach("d2");
    await world.startController();
    await world.until(async () => (await world.endpoints())[0]?.id === endpoint);
    await world.known("wired");
    const claims = await world.client.call(routes.listClaims, {}, { signal });
    expect(claims.items[0]?.binding).toMatchObject({ node: "h1", endpoint });
  });

  test("an ephemeral container starts again on an address that only this node can have", async () => {
    const before = await world.agent.workloads.reserve(docker, signal);
    await attach("d1", { addresses: before.addresses });
    await world.known("wired");
    await world.stopController();
    await detach("d1");
    const [own] = before.addresses;
    if (own === undefined) throw new TypeError("no address");
    await world.agent.workloads.unreserve({ tenant, network, address: own }, signal);
    const after = await world.agent.workloads.reserve(docker, signal);
    expect(after.addresses).toEqual(before.addresses);
  });

  test("what is not bound to this node is refused, with the reason", async () => {
    await world.claim("redis-0");
    await world.stopController();
    await expect(reserve()).rejects.toThrow(
      "no controller answers, and 10.20.0.7 of default/web is not bound to this node (h1)",
    );
  });
});

describe("a lost claim", () => {
  test("moved by force, it is taken off the wire at once", async () => {
    await world.claim("redis-0");
    await reserve();
    const { endpoint } = await attach("d1");
    await world.known("wired");
    const move = { params: { tenant, network, identity: "redis-0" }, body: { force: true, reason: "test" } };
    await world.client.call(routes.moveClaim, move, { signal });
    await world.until(() => world.driver.journal.includes(`detach ${endpoint}`));
    expect(world.agent.workloads.inspect("d1")).toBeUndefined();
    // Its addresses are another node's: nothing may go on as before.
    await world.until(() => world.driver.quieted.length > 0);
    expect(world.driver.quieted).toEqual([[]]);
  });

  test("that a runtime gives back is not waited for any longer than until it is off the wire", async () => {
    await world.claim("redis-0");
    await reserve();
    const { endpoint } = await attach("d1");
    await world.agent.workloads.detach({ runtimeEndpoint: "d1" }, signal);
    expect(world.driver.journal).toContain(`detach ${endpoint}`);
    expect(world.driver.quieted).toEqual([]);
  });

  test("moved while the node was away, it is taken off the wire when the node is heard again", async () => {
    await world.claim("redis-0");
    await reserve();
    const { endpoint } = await attach("d1");
    await world.known("wired");
    await world.agent.stop();
    const move = { params: { tenant, network, identity: "redis-0" }, body: { force: true } };
    await world.client.call(routes.moveClaim, move, { signal });
    await world.startAgent();
    await world.until(() => world.driver.journal.includes(`detach ${endpoint}`));
  });
});

describe("a restarted agent", () => {
  test("wires again exactly what was on the wire, before it hears of anybody", async () => {
    await world.claim("redis-0");
    await reserve();
    const { endpoint } = await attach("d1");
    await world.known("wired");
    await world.stopController();
    await world.restartAgent();
    expect(world.driver.journal).toEqual([`attach ${endpoint} 10.20.0.7`, "synced"]);
    expect(world.agent.workloads.inspect("d1")).toMatchObject({ endpoint, phase: "wired" });
  });

  test("prunes nothing before its book has ever been complete", async () => {
    await world.agent.stop();
    await world.stopController();
    world.driver = new FakeDriver();
    const store = openMemoryStore({ clock: systemClock });
    const dependencies = {
      store,
      client: world.client,
      driver: world.driver,
      clock: systemClock,
      logger: silentLogger,
    };
    const times = { beatMilliseconds: 100, reservationTimeoutMilliseconds: 60_000 };
    world.agent = await startAgent(dependencies, { node, report: { version: "test", labels: {} }, ...times });
    expect(world.driver.journal).toEqual([]);
    await world.startController();
    await world.until(() => world.driver.journal.includes("synced"));
  });

  test("gives back what the controller reserved for it and it never received", async () => {
    await world.claim("redis-0");
    const body = { endpoint: "e-lost", tenant, network, address, workload: { runtime: "docker" as const } };
    await world.client.call(routes.reserve, { params: { node }, body }, { signal });
    await world.known("reserved");
    await world.restartAgent();
    await world.known();
  });
});

test("a reservation whose answer never arrived is given back while the agent runs", async () => {
  await world.claim("redis-0");
  const body = { endpoint: "e-lost", tenant, network, address, workload: { runtime: "docker" as const } };
  await world.client.call(routes.reserve, { params: { node }, body }, { signal });
  await world.known();
});

test("an interface that the kernel removed with its sandbox is taken down, and its address can be had again", async () => {
  await world.claim("redis-0");
  await reserve();
  const { endpoint } = await attach("d1");
  world.driver.emit({ endpoint, state: "gone" });
  await world.known("detached");
  await reserve();
  await attach("d2");
  await world.known("wired");
});

test("an observer's word takes down and gives back", async () => {
  const { endpoint, addresses } = await world.agent.workloads.reserve(docker, signal);
  await attach("d1", { addresses });
  await world.agent.workloads.reclaim([endpoint], "not in dockerd any more, seen twice", signal);
  await world.known();
  expect((await world.client.call(routes.listClaims, {}, { signal })).items).toEqual([]);
});
