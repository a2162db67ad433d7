import { type IpAddress, isHoldfastError, Name } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster, type Host, holdable, NETWORK, TENANT } from "./testing/cluster.ts";

const ADDRESS = "10.20.0.7" as IpAddress;
const docker = { tenant: TENANT, network: NETWORK, runtime: "docker", requester: "pool-1" } as const;

let cluster: Cluster;
let h1: Host;
beforeEach(async () => {
  cluster = await Cluster.start(["h1"]);
  h1 = cluster.host("h1");
});
afterEach(() => cluster[Symbol.asyncDispose]());

const reserve = (address?: IpAddress) =>
  h1.workloads.reserve({ ...docker, ...(address === undefined ? {} : { address }) }, cluster.signal);
const attach = (runtimeEndpoint: string, address: IpAddress = ADDRESS, signal = cluster.signal) =>
  h1.workloads.attach(
    { runtime: "docker", runtimeEndpoint, tenant: TENANT, network: NETWORK, addresses: [address] },
    signal,
  );
const detach = (runtimeEndpoint: string) => h1.workloads.detach({ runtimeEndpoint }, cluster.signal);
const unreserve = (address: IpAddress = ADDRESS) =>
  h1.workloads.unreserve({ tenant: TENANT, network: NETWORK, address }, cluster.signal);

/** The data path stops in front of a step until the result is called. */
function stopBefore(host: Host, what: "attach" | "detach"): { readonly reached: Promise<void>; go(): void } {
  const reached = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  host.driver.before = async (step) => {
    if (step !== what) return;
    reached.resolve();
    await gate.promise;
  };
  return {
    reached: reached.promise,
    go() {
      host.driver.before = () => Promise.resolve();
      gate.resolve();
    },
  };
}

describe("a claim that is moved by force", () => {
  test("while its endpoint is being wired, leaves nothing on the wire", async () => {
    await cluster.claimAt("redis-0", ADDRESS);
    await reserve(ADDRESS);
    const wiring = stopBefore(h1, "attach");
    const attached = attach("d1").catch((error: unknown) => error);
    await wiring.reached;
    await cluster.move("redis-0");
    await cluster.until(() => h1.workloads.attachments("docker").length === 0);
    wiring.go();
    expect(String(await attached)).toContain("was taken down while it was attached");
    expect([...h1.driver.attached.keys()]).toEqual([]);
  });

  test("is not remembered against its former node once that has taken it down", async () => {
    await cluster.claimAt("redis-0", ADDRESS);
    await reserve(ADDRESS);
    await attach("d1");
    const remembered = async () => (await cluster.store.list("superseded/")).entries.length;
    const goingDown = stopBefore(h1, "detach");
    await cluster.move("redis-0");
    await goingDown.reached;
    expect(await remembered()).toBe(1);
    goingDown.go();
    await cluster.until(async () => (await remembered()) === 0);
  });

  test("is not wired any more while it is being taken down", async () => {
    await cluster.claimAt("redis-0", ADDRESS);
    await reserve(ADDRESS);
    const goingDown = stopBefore(h1, "detach");
    await cluster.move("redis-0");
    await goingDown.reached;
    const attached = attach("d1").catch((error: unknown) => error);
    const settled = await Promise.race([attached, cluster.until(() => h1.driver.attached.size > 0)]);
    goingDown.go();
    await cluster.until(() => h1.workloads.attachments("docker").length === 0);
    expect(isHoldfastError(settled, "conflict")).toBe(true);
    expect([...h1.driver.attached.keys()]).toEqual([]);
  });
});

test("an endpoint that is given back while it is being wired does not stay on the wire", async () => {
  await reserve(ADDRESS);
  const wiring = stopBefore(h1, "attach");
  const attached = attach("d1").catch((error: unknown) => error);
  await wiring.reached;
  await unreserve();
  wiring.go();
  expect(String(await attached)).toContain("was taken down while it was attached");
  expect([...h1.driver.attached.keys()]).toEqual([]);
  expect(await cluster.endpoints()).toEqual([]);
});

test("an endpoint that is given back just when it is attached is either or, whoever comes first", async () => {
  for (let turns = 0; turns < 12; turns++) {
    await reserve(ADDRESS);
    const given = unreserve().catch((error: unknown) => error);
    for (let turn = 0; turn < turns; turn++) await Promise.resolve();
    await attach(`d${turns}`).catch((error: unknown) => error);
    await given;
    const wired = h1.workloads.attachments("docker").filter(({ phase }) => phase === "wired");
    expect([...h1.driver.attached.keys()]).toEqual(wired.map(({ endpoint }) => endpoint));
    await detach(`d${turns}`);
    await unreserve();
  }
});

test("a repeated attach that fails does not make a running endpoint a failed one", async () => {
  await reserve(ADDRESS);
  const { endpoint } = await attach("d1");
  h1.driver.failNextAttach("the switch is away");
  await expect(attach("d1")).rejects.toThrow("the switch is away");
  expect(h1.workloads.inspect("d1")?.phase).toBe("wired");
  await expect(reserve(ADDRESS)).rejects.toThrow("is in use on this node");
  expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
});

test("an attach whose caller has given up before its turn came changes nothing", async () => {
  await reserve(ADDRESS);
  const wiring = stopBefore(h1, "attach");
  const first = attach("d1");
  await wiring.reached;
  const late = new AbortController();
  const second = attach("d1", ADDRESS, late.signal).catch((error: unknown) => error);
  late.abort(new TypeError("deadline"));
  wiring.go();
  await first;
  expect(String(await second)).toContain("deadline");
  expect(h1.driver.journal.filter((line) => line.startsWith("attach"))).toHaveLength(1);
});

describe("reservations that have run out", () => {
  test("an endpoint that is attached while another one is given back stays", async () => {
    const reserved = [await reserve("10.20.0.7" as IpAddress), await reserve("10.20.0.8" as IpAddress)];
    // In the order of the book.
    const [one, other] = reserved.toSorted((a, b) => a.endpoint.localeCompare(b.endpoint));
    const [first = "", second = "", address = ADDRESS] = [one?.endpoint, other?.endpoint, other?.addresses[0]];
    await h1.stop();
    const disk = holdable(h1.book);
    h1.book = disk.store;
    const release = disk.hold(({ key, kind }) => key === `endpoint/${first}` && kind === "put");
    await h1.start({ reservationTimeoutMilliseconds: 1 });
    await cluster.until(() => h1.workloads.attachments("docker").some(({ phase }) => phase === "released"));
    expect(h1.workloads.attachments("docker").find(({ endpoint }) => endpoint === second)?.phase).toBe("reserved");
    await attach("d2", address);
    release();
    await cluster.until(async () => (await cluster.endpoints()).every(({ id }) => id !== first));
    expect([...h1.driver.attached.keys()]).toEqual([second]);
  });

  test("count from when they were given out last", async () => {
    await reserve(ADDRESS);
    const [before] = h1.workloads.attachments("docker");
    await cluster.until(() => Date.now() > (before?.since ?? 0));
    await reserve(ADDRESS);
    expect(h1.workloads.attachments("docker")[0]?.since).toBeGreaterThan(before?.since ?? 0);
  });
});

test("an observer's word does not hold for what was attached in the meantime", async () => {
  const disk = holdable(h1.book);
  await h1.stop();
  h1.book = disk.store;
  await h1.start();
  const { endpoint: first } = await reserve("10.20.0.7" as IpAddress);
  const { endpoint: second } = await reserve("10.20.0.8" as IpAddress);
  const release = disk.hold(({ key }) => key === `endpoint/${first}`);
  const reclaimed = h1.workloads.reclaim([first, second], "gone from dockerd", cluster.signal);
  await attach("d2", "10.20.0.8" as IpAddress);
  release();
  await reclaimed;
  expect([...h1.driver.attached.keys()]).toEqual([second]);
});

describe("an address that is given back late, by a container that is gone", () => {
  test("stays with the container that has it now", async () => {
    await cluster.claimAt("redis-0", ADDRESS);
    await reserve(ADDRESS);
    await attach("d1");
    await detach("d1");
    await reserve(ADDRESS);
    const { endpoint } = await attach("d2");
    await unreserve();
    expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
    await detach("d2");
    await unreserve();
    await cluster.until(async () => (await cluster.endpoints()).length === 0);
  });
});

test("what an answer says of a network is enough to attach, when the feed has not told of it yet", async () => {
  h1.link.mute();
  h1.link.breakOff();
  await cluster.until(() => h1.link.muteFeeds > 0);
  const body = { name: Name.parse("fast"), kind: "vlan" as const, segment: 101, subnets: [{ prefix: "10.30.0.0/24" }] };
  await cluster.client.call(routes.createNetwork, { params: { tenant: TENANT }, body }, { signal: cluster.signal });
  const fast = { ...docker, network: body.name };
  const { addresses } = await h1.workloads.reserve(fast, cluster.signal);
  await h1.workloads.attach({ ...fast, runtimeEndpoint: "d1", addresses }, cluster.signal);
  expect(h1.driver.attached.size).toBe(1);
});

test("an endpoint that cannot be taken down does not hold up the others' reports", async () => {
  const first = await reserve("10.20.0.7" as IpAddress);
  await attach("d1", "10.20.0.7" as IpAddress);
  await cluster.until(async () => (await cluster.endpoints())[0]?.phase === "wired");
  h1.driver.before = (what, id) =>
    what === "detach" && id === first.endpoint ? Promise.reject(new Error("the switch is away")) : Promise.resolve();
  h1.link.cut();
  await cluster.client.call(
    routes.deleteEndpoint,
    { params: { endpoint: first.endpoint } },
    { signal: cluster.signal },
  );
  h1.workloads.containerNamed?.({ runtimeEndpoint: "d1", container: "stuck" });
  h1.link.mend();
  const second = await reserve("10.20.0.8" as IpAddress);
  await attach("d2", "10.20.0.8" as IpAddress);
  await detach("d2");
  await unreserve("10.20.0.8" as IpAddress);
  await cluster.until(async () => !(await h1.onDisk()).has(second.endpoint));
  h1.driver.before = () => Promise.resolve();
  await cluster.until(() => h1.driver.attached.size === 0);
});

test("an interface that comes up while its agent restores it makes its endpoint active", async () => {
  await reserve(ADDRESS);
  const { endpoint } = await attach("d1");
  await h1.stop();
  // Killed before the last step was on disk.
  const { entries } = await h1.book.list(`endpoint/${endpoint}`);
  const value = (entries[0]?.value ?? "").replaceAll('"phase":"wired"', '"phase":"binding"');
  const put = { kind: "put" as const, key: `endpoint/${endpoint}`, value };
  await h1.book.commit({ conditions: [], operations: [put] });
  h1.driver.before = async (what) => {
    if (what !== "attach") return;
    h1.driver.emit({ endpoint, state: "up" });
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  await h1.start();
  await cluster.until(() => h1.workloads.inspect("d1")?.phase === "active");
});

test("an agent that cannot finish a takedown when it starts, starts all the same", async () => {
  await reserve(ADDRESS);
  await attach("d1");
  h1.driver.before = (what) =>
    what === "detach" ? Promise.reject(new Error("the switch is away")) : Promise.resolve();
  await expect(detach("d1")).rejects.toThrow("the switch is away");
  await h1.stop();
  h1.driver.before = (what) =>
    what === "detach" ? Promise.reject(new Error("the switch is away")) : Promise.resolve();
  await h1.start();
  h1.driver.before = () => Promise.resolve();
  await unreserve();
  await cluster.until(async () => (await cluster.endpoints()).length === 0);
  expect(h1.driver.attached.size).toBe(0);
});

describe("what was broken off while it was taken off the wire", () => {
  /** Until the result is called, the switch does not answer a detach, and its caller gives up. */
  function deafSwitch(): () => void {
    let isDeaf = true;
    h1.driver.before = (step) => {
      if (step === "detach" && isDeaf) return Promise.reject(new Error("the switch does not answer"));
      return Promise.resolve();
    };
    return () => {
      isDeaf = false;
    };
  }
  const phases = async () => [...(await h1.onDisk()).values()].map(({ phase }) => phase);

  test("is finished without anybody asking again", async () => {
    await reserve(ADDRESS);
    await attach("d1");
    const answers = deafSwitch();
    await expect(detach("d1")).rejects.toThrow("does not answer");
    await cluster.until(async () => (await phases()).join() === "detaching");
    answers();
    await cluster.until(async () => (await phases()).join() === "detached");
    expect(h1.driver.attached.size).toBe(0);
  });

  test("is given back at the end when that was asked for", async () => {
    await reserve(ADDRESS);
    await attach("d1");
    const answers = deafSwitch();
    await expect(detach("d1")).rejects.toThrow("does not answer");
    await expect(unreserve()).rejects.toThrow("does not answer");
    answers();
    await cluster.until(async () => (await phases()).length === 0 && (await cluster.claims()).length === 0);
  });

  test("is finished by the next life of the agent, however often that fails", async () => {
    await reserve(ADDRESS);
    await attach("d1");
    deafSwitch();
    await expect(detach("d1")).rejects.toThrow("does not answer");
    await h1.stop();
    const answers = deafSwitch();
    await h1.start();
    expect(await phases()).toEqual(["detaching"]);
    answers();
    await cluster.until(async () => (await phases()).join() === "detached");
  });
});

describe("an attachment that failed", () => {
  test("and that its runtime never gives back, comes to an end by itself", async () => {
    await h1.stop();
    await h1.start({ reservationTimeoutMilliseconds: 200 });
    await reserve(ADDRESS);
    h1.driver.failNextAttach("no room in the table");
    await expect(attach("d1")).rejects.toThrow("no room");
    await cluster.until(async () => (await cluster.claims()).length === 0);
    expect((await h1.onDisk()).size).toBe(0);
  });
});

test("the controller hears that an endpoint is off the wire only when a restarted agent would know it, too", async () => {
  const disk = holdable(h1.book);
  await h1.stop();
  h1.book = disk.store;
  await h1.start();
  const { endpoint } = await reserve(ADDRESS);
  await attach("d1");
  const phase = async () => (await cluster.endpoints()).find(({ id }) => id === endpoint)?.phase;
  await cluster.until(async () => (await phase()) === "wired");
  const release = disk.hold(({ key }) => key === `endpoint/${endpoint}`);
  const detached = detach("d1");
  await cluster.until(() => !h1.driver.attached.has(endpoint));
  // Longer than news is gathered.
  await new Promise((resolve) => setTimeout(resolve, 150));
  expect(await phase()).toBe("wired");
  release();
  await detached;
  await cluster.until(async () => (await phase()) === "detached");
});
