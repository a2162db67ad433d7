import { errorText, type IpAddress } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster, type Host, holdable, NETWORK, TENANT } from "./testing/cluster.ts";

const FIRST = "10.20.0.128" as IpAddress;

let cluster: Cluster;
let h1: Host;
let h2: Host;
beforeEach(async () => {
  cluster = await Cluster.start(["h1", "h2"], undefined, { nodeBlocks: { size: 4 } });
  [h1, h2] = [cluster.host("h1"), cluster.host("h2")];
  for (const host of [h1, h2]) await cluster.until(async () => (await host.blocksOnDisk()).length === 1);
});
afterEach(() => cluster[Symbol.asyncDispose]());

const network = { tenant: TENANT, network: NETWORK };
let count = 0;
const reserve = (host: Host, more: { address?: IpAddress; identity?: never; attachFollows?: true } = {}) =>
  host.workloads.reserve({ ...network, runtime: "docker", requester: `r-${++count}`, ...more }, cluster.signal);
const run = async (host: Host, more: { address?: IpAddress } = {}) => {
  const reserved = await reserve(host, more);
  const runtimeEndpoint = `d-${++count}`;
  const { addresses } = reserved;
  await host.workloads.attach({ ...network, runtime: "docker", runtimeEndpoint, addresses }, cluster.signal);
  return { ...reserved, runtimeEndpoint, address: addresses[0] ?? FIRST };
};
const end = async (host: Host, { runtimeEndpoint, address }: { runtimeEndpoint: string; address: IpAddress }) => {
  await host.workloads.detach({ runtimeEndpoint }, cluster.signal);
  await host.workloads.unreserve({ ...network, address }, cluster.signal);
};
const known = async () => (await cluster.endpoints()).map(({ id }) => id).toSorted();
const ofNode = async (node: string) =>
  (await cluster.blocks()).filter((block) => block.node === node).map(({ prefix }) => prefix as string);
const leasesOf = async (node: string) =>
  (await cluster.blocks()).filter((block) => block.node === node).map(({ lease }) => lease);
const blockOf = async (host: Host) => (await host.blocksOnDisk())[0] ?? expect.fail("no block");
const inBlock = (prefix: string, address: string) => {
  const start = Number(prefix.split(/[./]/)[3]);
  const last = Number(address.split(".")[3]);
  return start <= last && last < start + 4;
};

describe("a node with a block", () => {
  test("gives addresses of it by itself, and the controller hears of them", async () => {
    const { endpoint, address, identity } = await run(h1);
    expect(inBlock(await blockOf(h1), address)).toBe(true);
    await cluster.until(async () => (await known()).includes(endpoint));
    expect(await cluster.claims()).toMatchObject([
      { identity, addresses: [address], retention: { kind: "ephemeral" }, binding: { node: "h1", endpoint } },
    ]);
    expect(identity).toBe(`ephemeral/${endpoint}`);
  });

  test("starts and ends containers while no controller is there, and afterwards the book tells it", async () => {
    await cluster.stopController();
    const first = await run(h1);
    await end(h1, first);
    const second = await run(h1);
    const other = await run(h2);
    expect(new Set([first.address, second.address, other.address]).size).toBe(3);
    await cluster.startController();
    await cluster.until(async () => (await known()).length === 2);
    expect(await known()).toEqual([second.endpoint, other.endpoint].toSorted());
    expect(await cluster.explain(second.address)).toMatchObject({ state: "bound", node: "h1" });
    const story = async () => (await cluster.explain(first.address))?.history.map(({ event }) => event);
    await cluster.until(async () => (await story())?.length === 3);
    expect(await story()).toEqual(["claimed", "bound", "released"]);
    expect(await cluster.explain(first.address)).toMatchObject({ state: "set-aside", node: "h1" });
  });

  test("gives an address again to who asks for just that without waiting for a controller", async () => {
    const one = await run(h1);
    await cluster.until(async () => (await known()).length === 1);
    h1.link.loseAnswers(/reports/);
    await h1.workloads.detach({ runtimeEndpoint: one.runtimeEndpoint }, cluster.signal);
    h1.link.cut();
    expect((await run(h1, { address: one.address })).address).toBe(one.address);
  });

  test("gives an address of its own to who asks for just that, and refuses what is in use here", async () => {
    await cluster.stopController();
    const own = [128, 129, 130, 131, 132, 133, 134, 135]
      .map((last) => `10.20.0.${last}` as IpAddress)
      .filter((address) => address !== FIRST);
    const prefix = await blockOf(h1);
    const wanted = own.find((address) => inBlock(prefix, address)) ?? FIRST;
    const { address } = await run(h1, { address: wanted });
    expect(address).toBe(wanted);
    await expect(reserve(h1, { address: wanted })).rejects.toThrow("is in use on this node (h1)");
    const foreign = own.find((one) => !inBlock(prefix, one));
    await expect(reserve(h1, { address: foreign ?? FIRST })).rejects.toThrow("no controller answers");
  });

  test("asks the controller for identities, always", async () => {
    await cluster.claimAt("redis-0", "10.20.0.7");
    const named = { ...network, runtime: "docker" as const, requester: "r", identity: "redis-0" as never };
    const hint = { ...named, requester: "s", identity: "nobody" as never, identityIsHint: true };
    expect((await h1.workloads.reserve(named, cluster.signal)).addresses).toEqual(["10.20.0.7"]);
    h2.link.cut();
    await expect(h2.workloads.reserve(hint, cluster.signal)).rejects.toThrow("no controller answers");
  });

  test("gives no address again before it has rested, the one released longest ago first, also after a restart", async () => {
    await cluster.changeNetwork({ cooldownSeconds: 3600 });
    await cluster.until(() => [...h1.driver.networks.values()][0]?.nodeBlocks?.cooldownSeconds === 3600);
    h1.link.cut();
    const all = [await run(h1), await run(h1), await run(h1), await run(h1)];
    for (const one of all) await end(h1, one);
    await expect(reserve(h1)).rejects.toThrow(
      "no controller answers, and of this node's (h1) blocks of default/web no address is free",
    );
    await h1.stop();
    await h1.start();
    await expect(reserve(h1)).rejects.toThrow("no address is free");
    h1.link.mend();
    await cluster.until(async () => (await h1.onDisk()).size === 0);
    await h1.stop();
    await cluster.changeNetwork({ cooldownSeconds: 0 });
    await h1.start();
    await cluster.until(() => [...h1.driver.networks.values()][0]?.nodeBlocks?.cooldownSeconds === 0);
    h1.link.cut();
    expect((await run(h1)).address).toBe(all[0]?.address);
    expect((await run(h1)).address).toBe(all[1]?.address);
  });

  test("has a record on disk of what it gave before it says so: a restart gives nothing twice", async () => {
    await cluster.stopController();
    const reserved = await reserve(h1);
    await h1.stop();
    await h1.start();
    const next = await reserve(h1);
    expect(next.addresses).not.toEqual(reserved.addresses);
  });

  test("waits for the disk with what it gives; when an attachment follows, that waits", async () => {
    await h1.stop();
    const disk = holdable(h1.book);
    h1.book = disk.store;
    await h1.start();
    const release = disk.hold(({ key }) => key.startsWith("endpoint/"));
    const done: string[] = [];
    const plain = reserve(h1).then(() => done.push("reserved"));
    const { endpoint, addresses } = await reserve(h1, { attachFollows: true });
    const wanted = { ...network, runtime: "cni", runtimeEndpoint: "c1", addresses } as const;
    const attached = h1.workloads.attach(wanted, cluster.signal).then(() => done.push("attached"));
    await cluster.until(() => h1.driver.attached.has(endpoint));
    expect(done).toEqual([]);
    expect(await h1.onDisk()).toEqual(new Map());
    release();
    await Promise.all([plain, attached]);
    expect((await h1.onDisk()).size).toBe(2);
  });

  test("is not given a second endpoint for a report that came twice", async () => {
    h1.link.loseAnswers(/reports.*"made"/);
    const { endpoint } = await run(h1);
    await cluster.until(async () => (await known()).includes(endpoint));
    h1.link.mend();
    await cluster.until(async () => (await cluster.endpoints())[0]?.phase === "wired");
    expect(await known()).toEqual([endpoint]);
  });

  test("loses an address that an operator keeps beyond its endpoint, and does not give it again", async () => {
    const { address, runtimeEndpoint, identity } = await run(h1);
    await cluster.until(async () => (await cluster.claims()).length === 1);
    await cluster.move(identity, "h2");
    await cluster.until(async () => (await h1.onDisk()).size === 0);
    expect(h1.driver.attached.size).toBe(0);
    h1.link.cut();
    const others = [await run(h1), await run(h1), await run(h1)];
    expect(others.map((one) => one.address)).not.toContain(address);
    await expect(reserve(h1)).rejects.toThrow("no address is free");
    expect(runtimeEndpoint).not.toBe("");
  });
});

describe("blocks", () => {
  test("come ahead of need, and go when they are spare, but for one", async () => {
    await h1.stop();
    await h1.start({ spareBlockMilliseconds: 50 });
    const running = [await run(h1), await run(h1), await run(h1)];
    await cluster.until(async () => (await h1.blocksOnDisk()).length === 2);
    for (let index = 0; index < 4; index++) running.push(await run(h1));
    await cluster.until(async () => (await h1.blocksOnDisk()).length === 3);
    expect(await ofNode("h1")).toHaveLength(3);
    for (const one of running) await end(h1, one);
    await cluster.until(async () => (await h1.blocksOnDisk()).length === 1);
    await cluster.until(async () => (await ofNode("h1")).length === 1);
    expect(await ofNode("h1")).toEqual(await h1.blocksOnDisk());
  });

  test("are given back when the network has none any more, with the rest of what was in use", async () => {
    const { address, ...one } = await run(h1);
    await cluster.changeNetwork({ nodeBlocks: null, cooldownSeconds: 3600 });
    await cluster.until(async () => (await ofNode("h2")).length === 0);
    expect(await ofNode("h1")).toHaveLength(1);
    await end(h1, { ...one, address });
    await cluster.until(async () => (await cluster.blocks()).length === 0);
    expect(await cluster.explain(address)).toMatchObject({ state: "cooling", identity: one.identity });
    expect(await h1.blocksOnDisk()).toEqual([]);
    expect((await run(h1)).address).not.toBe(address);
  });

  test("are given back when an operator asks for them, as soon as they are empty", async () => {
    const one = await run(h1);
    const prefix = await blockOf(h1);
    await cluster.reclaimBlock(prefix, false);
    await cluster.until(async () => (await ofNode("h1")).length === 2);
    expect(inBlock(prefix, (await run(h1)).address)).toBe(false);
    await end(h1, one);
    await cluster.until(async () => !(await ofNode("h1")).includes(prefix));
    expect(await h1.blocksOnDisk()).not.toContain(prefix);
  });

  test("whose lease was answered to nobody are not leased twice", async () => {
    h1.link.loseAnswers(/\/blocks/);
    h1.link.mute();
    h1.link.breakOff();
    for (let index = 0; index < 3; index++) await run(h1);
    await cluster.until(() => h1.link.muteFeeds > 0);
    h1.link.mend();
    h1.link.breakOff();
    await cluster.until(async () => (await h1.blocksOnDisk()).length === 2);
    await cluster.until(async () => (await ofNode("h1")).length === 2);
    expect(await ofNode("h1")).toEqual(await h1.blocksOnDisk());
  });

  test("whose return was answered to nobody are given of no more, also after a restart", async () => {
    h1.link.loseAnswers(/blocks.return/);
    const prefix = await blockOf(h1);
    await cluster.reclaimBlock(prefix, false);
    await cluster.until(async () => !(await ofNode("h1")).includes(prefix));
    h1.link.cut();
    await h1.stop();
    await h1.start();
    const reserved = await reserve(h1).catch(errorText);
    if (typeof reserved !== "string") expect(inBlock(prefix, reserved.addresses[0] ?? "")).toBe(false);
    h1.link.mend();
    await cluster.until(async () => !(await h1.blocksOnDisk()).includes(prefix));
  });

  test("taken by force from a node that is there are given of no more, and what runs goes on", async () => {
    const kept = await run(h1);
    const prefix = await blockOf(h1);
    await cluster.until(async () => (await known()).length === 1);
    await cluster.claimAt("redis-0", "10.20.0.7");
    await cluster.changeNetwork({ nodeBlocks: null });
    await cluster.reclaimBlock(prefix);
    await cluster.until(async () => (await h1.blocksOnDisk()).length === 0);
    expect([...h1.driver.attached.keys()]).toEqual([kept.endpoint]);
    expect(await cluster.explain(kept.address)).toMatchObject({ state: "bound", node: "h1" });
  });

  test("of a node that is cut off stay; taken by force, what others have is taken off its wire", async () => {
    h1.link.cut();
    const lost = await run(h1);
    const kept = await run(h1);
    const prefix = await blockOf(h1);
    expect(await ofNode("h1")).toEqual([prefix]);
    await cluster.reclaimBlock(prefix);
    await cluster.claimAt("redis-0", lost.address);
    h1.link.mend();
    await cluster.until(() => h1.driver.attached.size === 1);
    await cluster.until(async () => (await known()).length === 1);
    expect([...h1.driver.attached.keys()]).toEqual([kept.endpoint]);
    expect(await known()).toEqual([kept.endpoint]);
    expect((await cluster.explain(lost.address))?.identity).toBe("redis-0");
    await cluster.until(async () => !(await h1.blocksOnDisk()).includes(prefix));
  });

  test("do not come to another machine of the same name", async () => {
    const former = await leasesOf("h1");
    const prefix = await blockOf(h1);
    await h1.stop();
    h1.link.cut();
    await cluster.stopController();
    await cluster.startController("300ms");
    const namesake = cluster.addHost("h1");
    await namesake.start();
    await cluster.until(async () => (await namesake.blocksOnDisk()).length > 0);
    expect((await leasesOf("h1")).some((lease) => former.includes(lease))).toBe(false);
    const [address = ""] = prefix.split("/");
    expect((await cluster.explain(address))?.history.at(-1)).toMatchObject({ event: "reclaimed", node: "h1" });
    await namesake.stop();
  });

  test("of another name are not this machine's", async () => {
    const former = await blockOf(h1);
    await h1.stop();
    h1.link.cut();
    await h1.start({ node: "h3" as never });
    await expect(reserve(h1)).rejects.toThrow("no controller answers");
    expect(await h1.blocksOnDisk()).not.toContain(former);
  });
});
