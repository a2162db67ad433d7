import { errorText, IpAddress } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";

const ADDRESS = "10.20.0.7" as IpAddress;

let cluster: Cluster;
let h1: Host;
let h2: Host;
beforeEach(async () => {
  cluster = await Cluster.start(["h1", "h2"]);
  [h1, h2] = [cluster.host("h1"), cluster.host("h2")];
  await cluster.claimAt("redis-0", ADDRESS);
});
afterEach(() => cluster[Symbol.asyncDispose]());

const named = { tenant: TENANT, network: NETWORK, address: ADDRESS };
const reserve = (host: Host) =>
  host.workloads.reserve({ ...named, runtime: "docker", requester: "pool-1" }, cluster.signal);
const attach = (host: Host, runtimeEndpoint: string) =>
  host.workloads.attach({ ...named, runtime: "docker", runtimeEndpoint, addresses: [ADDRESS] }, cluster.signal);
const detach = (host: Host, runtimeEndpoint: string) => host.workloads.detach({ runtimeEndpoint }, cluster.signal);
const unreserve = (host: Host) => host.workloads.unreserve(named, cluster.signal);
const run = async (host: Host, runtimeEndpoint: string) => {
  await reserve(host);
  return await attach(host, runtimeEndpoint);
};
const phaseIs = (phase: string) =>
  cluster.until(async () => (await cluster.endpoints()).map((endpoint) => endpoint.phase).join() === phase);

const REFUSAL = "no controller answers, and it may have heard that 10.20.0.7 of default/web is not in use on this node";

describe("a node whose link is cut", () => {
  test("does not go on with a claim that it had said is off the wire: another node may have it", async () => {
    await run(h1, "d1");
    await detach(h1, "d1");
    await phaseIs("detached");
    h1.link.cut();
    await run(h2, "d2");
    await expect(reserve(h1)).rejects.toThrow(REFUSAL);
    expect([h1.driver.attached.size, h2.driver.attached.size]).toEqual([0, 1]);
    h1.link.mend();
    await cluster.until(async () => (await h1.onDisk()).size === 0);
  });

  test("does not go on with a claim whose release arrived, when only the answer was lost", async () => {
    await run(h1, "d1");
    await phaseIs("wired");
    h1.link.loseAnswers(/reports.*"released"/);
    // Nor does the feed say that the endpoint is gone.
    h1.link.mute();
    h1.link.breakOff();
    await cluster.until(() => h1.link.muteFeeds > 0);
    await detach(h1, "d1");
    await unreserve(h1);
    await cluster.until(async () => (await cluster.endpoints()).length === 0);
    h1.link.cut();
    await run(h2, "d2");
    await expect(reserve(h1)).rejects.toThrow(REFUSAL);
    expect([h1.driver.attached.size, h2.driver.attached.size]).toEqual([0, 1]);
  });

  test("does not go on after a restart with what an earlier run may have told", async () => {
    await run(h1, "d1");
    await phaseIs("wired");
    h1.link.cut();
    await detach(h1, "d1");
    await unreserve(h1);
    await h1.stop();
    await h1.start();
    await expect(reserve(h1)).rejects.toThrow(REFUSAL);
  });

  test("goes on again and again, whichever of its reports arrived", async () => {
    await run(h1, "d1");
    await phaseIs("wired");
    h1.link.cut();
    await detach(h1, "d1");
    await unreserve(h1);
    const second = await run(h1, "d2");
    h1.link.mend();
    h1.link.loseAnswers(/reports.*"wired"/);
    await cluster.until(async () => (await cluster.endpoints())[0]?.id === second.endpoint);
    h1.link.cut();
    await detach(h1, "d2");
    await unreserve(h1);
    const third = await run(h1, "d3");
    h1.link.mend();
    await cluster.until(async () => (await cluster.endpoints())[0]?.id === third.endpoint);
    await phaseIs("wired");
    expect([...h1.driver.attached.keys()]).toEqual([third.endpoint]);
    expect((await cluster.claims())[0]?.binding).toMatchObject({ node: "h1", endpoint: third.endpoint });
    expect((await cluster.claims())[0]?.epoch).toBe(1);
  });
});

test("a feed that has fallen silent is opened again", async () => {
  await h1.stop();
  h1.link.mute();
  h1.driver.journal.length = 0;
  await h1.start({ feedSilenceMilliseconds: 200 });
  await cluster.until(() => h1.link.muteFeeds > 1);
  h1.link.mend();
  await cluster.until(() => h1.driver.journal.includes("synced"));
});

test("an endpoint that was never attached and is gone on with keeps its claim", async () => {
  await reserve(h1);
  h1.link.cut();
  await unreserve(h1);
  const { endpoint } = await run(h1, "d1");
  // The feed is back before the report.
  h1.link.mend();
  await cluster.until(async () => (await cluster.endpoints())[0]?.id === endpoint);
  await phaseIs("wired");
  expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
});

describe("a machine that has lost power", () => {
  /** The book is as it was earlier; no link or flow is left. */
  async function losePower(host: Host): Promise<void> {
    const { entries } = await host.book.list("endpoint/");
    await host.stop();
    const operations = entries.map(({ key }) => ({ kind: "delete" as const, key }));
    await host.book.commit({ conditions: [], operations });
    host.driver.attached.clear();
  }

  test("gives back what its book has forgotten, and can have it again", async () => {
    await run(h1, "d1");
    await phaseIs("wired");
    await losePower(h1);
    await h1.start();
    await phaseIs("");
    await run(h1, "d2");
    await phaseIs("wired");
  });
});

describe("a machine whose book was lost", () => {
  test("goes on with what runs, and gives back the rest", async () => {
    const { endpoint } = await run(h1, "d1");
    await phaseIs("wired");
    const { addresses } = await cluster.claim("other");
    await h1.workloads.reserve(
      { ...named, runtime: "docker", requester: "pool", address: addresses[0] ?? ADDRESS },
      cluster.signal,
    );
    await cluster.until(async () => (await cluster.endpoints()).length === 2);
    const { entries } = await h1.book.list("");
    await h1.stop();
    const lost = entries.filter(({ key }) => key !== "instance");
    await h1.book.commit({ conditions: [], operations: lost.map(({ key }) => ({ kind: "delete", key })) });
    h1.driver.journal.length = 0;
    await h1.start();
    await cluster.until(async () => (await cluster.endpoints()).length === 1);
    expect(await cluster.endpoints()).toMatchObject([{ id: endpoint, phase: "wired" }]);
    expect([...(await h1.onDisk()).keys()]).toEqual([endpoint]);
    expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
    expect(h1.driver.journal.filter((line) => /^(detach|prune)/.test(line))).toEqual([]);
    h1.driver.emit({ endpoint, state: "up" });
    await phaseIs("active");
    await detach(h1, "d1");
    await unreserve(h1);
    await phaseIs("");
  });
});

describe("two machines of one name", () => {
  test("the second is refused as long as the first is heard of, and takes nothing from it", async () => {
    const { endpoint } = await run(h1, "d1");
    await phaseIs("wired");
    const namesake = cluster.addHost("h1");
    await namesake.start();
    await cluster.until(async () => {
      const refusal = await reserve(namesake).then(() => "", errorText);
      return refusal.includes("node h1 is another machine, heard of ");
    });
    expect((await cluster.endpoints()).map(({ id }) => id)).toEqual([endpoint]);
    expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
    await namesake.stop();
  });
});

describe("a machine that gets another name", () => {
  test("keeps its endpoints under the old one, and says what to do", async () => {
    await run(h1, "d1");
    await h1.stop();
    await expect(h1.start({ node: h2.name })).rejects.toThrow(
      "this machine was node h1 and still has 1 endpoints under that name, it cannot become h2 with them; " +
        "start the agent with --node h1, or as h2 when its containers are gone",
    );
    await h1.start();
    expect(h1.driver.attached.size).toBe(1);
  });

  test("may have it when nothing is left under the old one", async () => {
    await run(h1, "d1");
    await detach(h1, "d1");
    await unreserve(h1);
    await h1.stop();
    await h2.stop();
    await h1.start({ node: h2.name });
  });
});

test("of two containers that start without a controller, one goes on with the address that was freed", async () => {
  const any = (requester: string) =>
    h1.workloads.reserve({ tenant: TENANT, network: NETWORK, runtime: "docker", requester }, cluster.signal);
  const { addresses } = await any("pool-1");
  const [address] = addresses;
  if (address === undefined) throw new Error("a reservation without an address");
  const container = { ...named, address, addresses, runtime: "docker", runtimeEndpoint: "d1" } as const;
  await h1.workloads.attach(container, cluster.signal);
  await phaseIs("wired");
  h1.link.cut();
  await detach(h1, "d1");
  await h1.workloads.unreserve({ ...named, address }, cluster.signal);
  const tries = await Promise.allSettled([any("pool-1"), any("pool-2")]);
  expect(tries.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
});

test("nobody goes on with an address outside of the range that is asked for", async () => {
  const ask = (rest: object) =>
    h1.workloads.reserve(
      { tenant: TENANT, network: NETWORK, runtime: "cni", requester: "pool", ...rest },
      cluster.signal,
    );
  const { addresses } = await ask({});
  const [address] = addresses;
  if (address === undefined) throw new Error("a reservation without an address");
  await h1.workloads.attach({ ...named, addresses, runtime: "cni", runtimeEndpoint: "d1" }, cluster.signal);
  await phaseIs("wired");
  h1.link.cut();
  await detach(h1, "d1");
  await h1.workloads.unreserve({ ...named, address }, cluster.signal);
  const away = { first: IpAddress.parse("10.20.0.200"), last: IpAddress.parse("10.20.0.210") };
  await expect(ask({ range: away })).rejects.toMatchObject({ code: "unavailable" });
  expect((await ask({ range: { first: address, last: address } })).addresses).toEqual(addresses);
});

test("nobody goes on with an address under other labels than it had: its policies would be another's", async () => {
  const ask = (rest: object) =>
    h1.workloads.reserve(
      { tenant: TENANT, network: NETWORK, runtime: "cni", requester: "pool", ...rest },
      cluster.signal,
    );
  const labels = { app: "web", tier: "front" };
  const { addresses } = await ask({ labels });
  await h1.workloads.attach({ ...named, addresses, labels, runtime: "cni", runtimeEndpoint: "d1" }, cluster.signal);
  await phaseIs("wired");
  h1.link.cut();
  await detach(h1, "d1");
  for (const address of addresses) await h1.workloads.unreserve({ ...named, address }, cluster.signal);
  for (const others of [{}, { labels: { app: "db" } }]) {
    await expect(ask(others)).rejects.toMatchObject({ code: "unavailable" });
  }
  expect((await ask({ labels: { tier: "front", app: "web" } })).addresses).toEqual(addresses);
});

test("a reservation is nobody's who comes with other labels", async () => {
  const ask = (rest: object) =>
    h1.workloads.reserve(
      { tenant: TENANT, network: NETWORK, runtime: "cni", requester: "pool", ...rest },
      cluster.signal,
    );
  const web = await ask({ labels: { app: "web" } });
  expect((await ask({ labels: { app: "web" } })).endpoint).toBe(web.endpoint);
  expect((await ask({ labels: { app: "db" } })).endpoint).not.toBe(web.endpoint);
  const [address] = web.addresses;
  await expect(ask({ address })).rejects.toMatchObject({ code: "address_in_use" });
  const attach = { ...named, addresses: web.addresses, runtime: "cni", runtimeEndpoint: "d1" } as const;
  await expect(h1.workloads.attach(attach, cluster.signal)).rejects.toMatchObject({ code: "conflict" });
});

test("an answer that never comes about an endpoint that a node does not have holds nothing up", async () => {
  await h1.stop();
  await cluster.client.call(
    routes.reserve,
    {
      params: { node: "h1" },
      body: { endpoint: "e-lost", tenant: TENANT, network: NETWORK, workload: { runtime: "docker" } },
    },
    { signal: cluster.signal },
  );
  h1.link.swallow(/endpoints\/e-lost/);
  await h1.start({ feedSilenceMilliseconds: 200 });
  await cluster.until(() => h1.link.swallowed > 0);
  h1.link.mend();
  await cluster.until(async () => (await cluster.endpoints()).length === 0);
});
