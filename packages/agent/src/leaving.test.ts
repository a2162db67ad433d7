import { Identity, type IpAddress } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";

const ADDRESS = "10.20.0.7" as IpAddress;
const docker = { tenant: TENANT, network: NETWORK, runtime: "docker", requester: "pool-1" } as const;

let cluster: Cluster;
beforeEach(async () => {
  cluster = await Cluster.start(["h1", "h2"]);
  await cluster.claimAt("redis-0", ADDRESS);
});
afterEach(() => cluster[Symbol.asyncDispose]());

const reserve = (host: Host) => host.workloads.reserve({ ...docker, address: ADDRESS }, cluster.signal);
const attach = (host: Host, more: object = {}) =>
  host.workloads.attach(
    { runtime: "docker", runtimeEndpoint: "d1", tenant: TENANT, network: NETWORK, addresses: [ADDRESS], ...more },
    cluster.signal,
  );
const detach = (host: Host) => host.workloads.detach({ runtimeEndpoint: "d1" }, cluster.signal);
const claim = async () => {
  const params = { tenant: TENANT, network: NETWORK, identity: Identity.parse("redis-0") };
  return await cluster.client.call(routes.getClaim, { params }, { signal: cluster.signal });
};

describe("an attachment that has left its sandbox", () => {
  let h1: Host;
  let h2: Host;
  beforeEach(async () => {
    [h1, h2] = [cluster.host("h1"), cluster.host("h2")];
    await reserve(h1);
    await attach(h1);
  });

  test("gives its claim to another node before its runtime gives the address back", async () => {
    await detach(h1);
    await cluster.until(async () => (await phaseOf(h1)) === "detached");
    await expect(reserve(h2)).resolves.toMatchObject({ identity: "redis-0", addresses: [ADDRESS] });
    expect((await claim()).binding?.node).toBe("h2");
    await h1.workloads.unreserve({ tenant: TENANT, network: NETWORK, address: ADDRESS }, cluster.signal);
    expect((await claim()).binding?.node).toBe("h2");
  });

  test("is wired anew when it joins again, with its address and MAC, and the claim's epoch grows", async () => {
    const before = await claim();
    await detach(h1);
    expect(h1.driver.attached.size).toBe(0);
    await attach(h1, { rejoin: true });
    expect([...h1.driver.attached.values()].map(({ addresses, mac }) => [...addresses, mac])).toEqual([
      [ADDRESS, before.mac],
    ]);
    expect((await claim()).epoch).toBe(before.epoch + 1);
  });

  test("is not wired again by a late repetition of the call that attached it", async () => {
    await detach(h1);
    await expect(attach(h1)).rejects.toThrow("is detached and cannot be attached");
    expect(h1.driver.attached.size).toBe(0);
  });

  test("cannot join again when another node has its claim meanwhile", async () => {
    await detach(h1);
    await cluster.until(async () => (await phaseOf(h1)) === "detached");
    await reserve(h2);
    await expect(attach(h1, { rejoin: true })).rejects.toThrow(/bound on node h2/);
    expect(h1.driver.attached.size).toBe(0);
  });

  test("keeps nobody waiting for the controller when its address is given back", async () => {
    await detach(h1);
    await cluster.until(async () => (await phaseOf(h1)) === "detached");
    const reports = h1.link.hold(/\/reports/);
    const started = performance.now();
    await h1.workloads.unreserve({ tenant: TENANT, network: NETWORK, address: ADDRESS }, cluster.signal);
    // Who waits for the controller gives up after two seconds.
    expect(performance.now() - started).toBeLessThan(1500);
    expect((await claim()).binding?.node).toBe("h1");
    reports.go();
    await cluster.until(async () => (await claim()).binding === undefined);
  });

  test("joins again as well when its name was made for it alone, and is refused under any other", async () => {
    const anyAddress = { ...docker, requester: "pool-2" };
    const { identity, addresses, mac } = await h1.workloads.reserve(anyAddress, cluster.signal);
    const again = { runtimeEndpoint: "d2", identity, addresses };
    await attach(h1, again);
    await h1.workloads.detach({ runtimeEndpoint: "d2" }, cluster.signal);
    await attach(h1, { ...again, rejoin: true });
    expect([...h1.driver.attached.values()].find((wired) => wired.mac === mac)?.addresses).toEqual(addresses);
    await h1.workloads.detach({ runtimeEndpoint: "d2" }, cluster.signal);
    await expect(attach(h1, { ...again, identity: "redis-1", rejoin: true })).rejects.toThrow("not to redis-1");
  });

  /** As the controller knows it. */
  async function phaseOf(host: Host): Promise<string | undefined> {
    const { items } = await cluster.client.call(routes.listEndpoints, {}, { signal: cluster.signal });
    return items.find(({ node }) => node === host.name)?.phase;
  }
});
