import { HoldfastError, IpAddress, MacAddress } from "@holdfast/core";
import { type ConflictProbe, routes } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";

const PRINTER = MacAddress.parse("52:54:00:00:00:09");
const PROBE: ConflictProbe = { probes: 3, milliseconds: 300 };
const on = { tenant: TENANT, network: NETWORK, runtime: "docker" as const };

async function start(hosts: readonly string[], network: Parameters<typeof Cluster.start>[2] = {}): Promise<Cluster> {
  return await Cluster.start(hosts, AbortSignal.timeout(20_000), { conflictProbe: PROBE, ...network });
}

/** What Docker does for a container: asks for an address, then attaches; on failure it gives the address back. */
async function run(
  cluster: Cluster,
  host: Host,
  container: string,
  asked: { identity?: string; address?: string } = {},
) {
  const { signal } = cluster;
  const reserved = await host.workloads.reserve(
    {
      ...on,
      requester: container,
      ...(asked.identity === undefined ? {} : { identity: asked.identity as never }),
      ...(asked.address === undefined ? {} : { address: IpAddress.parse(asked.address) }),
    },
    signal,
  );
  const { addresses } = reserved;
  try {
    await host.workloads.attach({ ...on, runtimeEndpoint: container, addresses }, signal);
  } catch (error) {
    for (const address of addresses) await host.workloads.unreserve({ ...on, address }, signal);
    throw error;
  }
  return reserved;
}

const probes = (host: Host): string[] => host.driver.journal.filter((line) => line.startsWith("probe"));
const quarantined = async (cluster: Cluster): Promise<string[]> => {
  const { items } = await cluster.client.call(
    routes.listQuarantine,
    { query: { limit: 10 } },
    { signal: cluster.signal },
  );
  return items.map(({ address, mac, node }) => `${address} ${mac} ${node}`);
};

describe("the first use of an address", () => {
  test("is preceded by a question, and goes on when nobody answers", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    const { endpoint, addresses } = await run(cluster, host, "c1");
    const journal = host.driver.journal.filter((line) => line !== "synced");
    expect(journal).toEqual([`probe ${addresses[0]}`, `attach ${endpoint} ${addresses[0]}`]);
    expect(await quarantined(cluster)).toEqual([]);
  });

  test("fails when a machine outside answers, says which, and a second start gets another address", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    host.driver.outside.set(IpAddress.parse("10.20.0.2"), PRINTER);
    const failed = run(cluster, host, "c1");
    await expect(failed).rejects.toMatchObject({ code: "address_in_use", details: { mac: PRINTER, network: "web" } });
    await expect(failed).rejects.toThrow(/10\.20\.0\.2 .*default\/web.*start the container again for another address/s);
    const { addresses } = await run(cluster, host, "c2");
    expect(addresses).not.toContain("10.20.0.2");
    await cluster.until(async () => (await quarantined(cluster)).length === 1);
    expect(await quarantined(cluster)).toEqual([`10.20.0.2 ${PRINTER} h1`]);
    expect(host.driver.journal.filter((line) => line.startsWith("attach"))).toHaveLength(1);
    await cluster.until(async () => (await host.onDisk()).size === 1);
  });

  test("of an identity fails, keeps the claim, and is refused with the MAC until the address is released", async () => {
    await using cluster = await start(["h1", "h2"]);
    const [h1, h2] = [cluster.host("h1"), cluster.host("h2")];
    await cluster.claimAt("db", "10.20.0.50");
    h1.driver.outside.set(IpAddress.parse("10.20.0.50"), PRINTER);
    await expect(run(cluster, h1, "c1", { identity: "db" })).rejects.toThrow("db keeps its claim");
    await expect(run(cluster, h1, "c2", { identity: "db" })).rejects.toMatchObject({
      details: { reason: "quarantined" },
    });
    await expect(run(cluster, h2, "c3", { address: "10.20.0.50" })).rejects.toThrow(PRINTER);
    expect((await cluster.claims()).map(({ identity }) => identity)).toEqual(["db"]);
    const params = { ...on, address: "10.20.0.50" };
    await cluster.client.call(routes.releaseQuarantine, { params, body: {} }, { signal: cluster.signal });
    await run(cluster, h2, "c4", { identity: "db" });
    expect(probes(h2)).toEqual(["probe 10.20.0.50"]);
  });

  test("is only once: a container that drifts or is started again asks nothing", async () => {
    await using cluster = await start(["h1", "h2"]);
    const [h1, h2] = [cluster.host("h1"), cluster.host("h2")];
    await cluster.claim("db");
    const { addresses } = await run(cluster, h1, "c1", { identity: "db" });
    const back = async (host: Host, container: string): Promise<void> => {
      await host.workloads.detach({ runtimeEndpoint: container }, cluster.signal);
      for (const address of addresses) await host.workloads.unreserve({ ...on, address }, cluster.signal);
    };
    await back(h1, "c1");
    await run(cluster, h2, "c2", { identity: "db" });
    await back(h2, "c2");
    await run(cluster, h2, "c3", { identity: "db" });
    expect(probes(h1)).toHaveLength(1);
    expect(probes(h2)).toEqual([]);
  });

  test("is not delayed for ever when nobody can be asked: it goes on, and the endpoint's history says so", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    host.driver.probeFailure = new HoldfastError("unavailable", "the switch is not connected");
    const { endpoint } = await run(cluster, host, "c1");
    const reasons = async () =>
      (await cluster.endpoints()).find(({ id }) => id === endpoint)?.history.map(({ reason }) => reason);
    await cluster.until(
      async () => (await reasons())?.includes("not looked for outside before: the switch is not connected") === true,
    );
  });

  test("what an agent has found reaches the controller also when neither was there at first", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    host.driver.outside.set(IpAddress.parse("10.20.0.2"), PRINTER);
    const reserved = await host.workloads.reserve({ ...on, requester: "c1" }, cluster.signal);
    await cluster.stopController();
    const attach = { ...on, runtimeEndpoint: "c1", addresses: reserved.addresses };
    await expect(host.workloads.attach(attach, cluster.signal)).rejects.toMatchObject({ code: "address_in_use" });
    await host.stop();
    await host.start();
    await cluster.startController();
    await cluster.until(async () => (await quarantined(cluster)).length === 1);
    expect((await cluster.explain("10.20.0.2"))?.state).toBe("quarantined");
    expect(probes(host)).toHaveLength(1);
  });

  test("a claim whose address somebody outside has is not gone on with while no controller answers", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    await cluster.claimAt("db", "10.20.0.50");
    host.driver.outside.set(IpAddress.parse("10.20.0.50"), PRINTER);
    const reserved = await host.workloads.reserve({ ...on, requester: "c1", identity: "db" as never }, cluster.signal);
    await cluster.stopController();
    const attach = { ...on, runtimeEndpoint: "c1", addresses: reserved.addresses };
    await expect(host.workloads.attach(attach, cluster.signal)).rejects.toMatchObject({ code: "address_in_use" });
    await expect(run(cluster, host, "c2", { identity: "db" })).rejects.toMatchObject({ code: "unavailable" });
    expect(host.driver.attached.size).toBe(0);
  });

  test("of an address of the node's own block is asked for as well, and a hit is given to nobody by the node either", async () => {
    await using cluster = await start(["h1"], { nodeBlocks: { size: 4 } });
    const host = cluster.host("h1");
    await cluster.until(async () => (await host.blocksOnDisk()).length > 0);
    // No more will come: then it is known how many there are.
    await cluster.until(async () => (await cluster.blocks()).length === (await host.blocksOnDisk()).length);
    const blocks = await cluster.blocks();
    const [block] = blocks;
    const capacity = blocks.reduce((sum, one) => sum + one.capacity, 0);
    const first = block?.ranges[0]?.first ?? IpAddress.parse("10.20.0.2");
    host.driver.outside.set(first, PRINTER);
    await cluster.stopController();
    await expect(run(cluster, host, "c1")).rejects.toMatchObject({
      code: "address_in_use",
      details: { address: first },
    });
    await expect(run(cluster, host, "c1", { address: first })).rejects.toMatchObject({ code: "unavailable" });
    for (let count = 1; count < capacity; count++) {
      expect((await run(cluster, host, `c1-${count}`)).addresses).not.toContain(first);
    }
    await expect(run(cluster, host, "c2")).rejects.toMatchObject({ code: "unavailable" });
    await cluster.startController();
    await cluster.until(async () => (await quarantined(cluster)).length === 1);
    await cluster.until(async () => ![...(await host.onDisk()).values()].some(({ phase }) => phase === "released"));
    const given = await Promise.all(["c4", "c5", "c6"].map((container) => run(cluster, host, container)));
    expect(given.flatMap(({ addresses }) => addresses)).not.toContain(first);
  });

  test("is not asked about any more when nobody wants it by then", async () => {
    await using cluster = await start(["h1"]);
    const host = cluster.host("h1");
    const { addresses } = await host.workloads.reserve({ ...on, requester: "c1" }, cluster.signal);
    await cluster.changeNetwork({ conflictProbe: null });
    await cluster.until(() =>
      [...host.driver.networks.values()].every(({ conflictProbe }) => conflictProbe === undefined),
    );
    await host.workloads.attach({ ...on, runtimeEndpoint: "c1", addresses }, cluster.signal);
    expect(probes(host)).toEqual([]);
  });

  test("is not asked about where the network does not want it", async () => {
    await using cluster = await Cluster.start(["h1"]);
    await run(cluster, cluster.host("h1"), "c1");
    expect(probes(cluster.host("h1"))).toEqual([]);
  });
});
