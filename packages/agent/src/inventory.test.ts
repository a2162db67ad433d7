import { type IpAddress, MacAddress, systemClock } from "@holdfast/core";
import { type Difference, routes } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { SandboxState } from "./sandboxes.ts";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";

const ADDRESS = "10.20.0.7" as IpAddress;
const docker = { tenant: TENANT, network: NETWORK, runtime: "docker", requester: "pool-1" } as const;

let cluster: Cluster;
let h1: Host;
let sandboxes: Map<string, SandboxState>;
beforeEach(async () => {
  cluster = await Cluster.start(["h1"], undefined, {}, { gcGrace: "50ms" });
  h1 = cluster.host("h1");
  sandboxes = new Map();
  await h1.stop();
  h1.sandboxes = { look: () => Promise.resolve(sandboxes) };
  await h1.start();
  await cluster.until(isInStep);
});
afterEach(() => cluster[Symbol.asyncDispose]());

async function run(runtimeEndpoint: string): Promise<string> {
  const { endpoint } = await h1.workloads.reserve({ ...docker, address: ADDRESS }, cluster.signal);
  const body = { runtime: "docker" as const, runtimeEndpoint, tenant: TENANT, network: NETWORK, addresses: [ADDRESS] };
  await h1.workloads.attach(body, cluster.signal);
  await h1.workloads.joined({ runtimeEndpoint, sandbox: `/netns/${runtimeEndpoint}` }, cluster.signal);
  sandboxes.set(`/netns/${runtimeEndpoint}`, "inhabited");
  h1.driver.emit({ endpoint, state: "up" });
  await cluster.until(async () => (await cluster.endpoints())[0]?.phase === "active");
  return endpoint;
}

/** What a controller may have of a node that the node has never had. */
async function leak(): Promise<void> {
  const at = new Date().toISOString();
  const about = { tenant: TENANT, network: NETWORK, identity: "ephemeral/ghost", epoch: 1, addresses: [ADDRESS] };
  const mac = MacAddress.ofAddress(ADDRESS, 100);
  const binding = { node: "h1", endpoint: "ghost", since: at };
  const claim = { ...about, mac, retention: { kind: "ephemeral" }, binding, labels: {}, createdAt: at };
  const life = { phase: "active", history: [], workload: { runtime: "docker" }, createdAt: at };
  const records = {
    [`claims/${TENANT}/${NETWORK}/ephemeral/ghost`]: claim,
    [`addresses/${TENANT}/${NETWORK}/${ADDRESS}`]: { identity: "ephemeral/ghost" },
    "endpoints/ghost": { ...about, id: "ghost", node: "h1", mac, ...life },
  };
  const operations = Object.entries(records).map(([key, record]) => {
    return { kind: "put" as const, key, value: JSON.stringify(record) };
  });
  await cluster.store.commit({ conditions: [], operations });
  await cluster.until(async () => (await cluster.endpoints()).length === 1);
}

/** Whether the node has told what it has since it was connected. */
async function isInStep(): Promise<boolean> {
  return await verify(false).then(
    () => true,
    () => false,
  );
}

async function verify(fix = true): Promise<readonly Difference[]> {
  const query = { fix: fix ? ("true" as const) : ("false" as const) };
  const found: Difference[] = [];
  for await (const message of cluster.client.stream(routes.verifyAddresses, { query }, { signal: cluster.signal })) {
    if (message.kind === "difference") found.push(message.difference);
    if (message.kind === "unproven") throw new Error(`${message.node}: ${message.reason}`);
    if (message.kind === "end") break;
  }
  return found;
}

/** Looks until a repair was tried or nothing differs. */
async function repair(): Promise<readonly Difference[]> {
  for (;;) {
    const found = await verify();
    if (found.length === 0 || found.some(({ outcome }) => outcome !== undefined)) return found;
    await systemClock.wait(20, cluster.signal);
  }
}

const kinds = (found: readonly Difference[]) => found.map(({ kind }) => kind);

describe("an agent and its controller", () => {
  test("agree on what runs", async () => {
    await run("d1");
    expect(await verify()).toEqual([]);
  });

  test("tell of an endpoint that the agent does not have, and the address is free again", async () => {
    await leak();
    expect(kinds(await repair())).toEqual(["endpoint-missing"]);
    expect(await cluster.claims()).toEqual([]);
  });

  test("take an interface off the wire that no record tells of, before its address is given away", async () => {
    await leak();
    const { networks } = h1.driver;
    const [network = ""] = networks.keys();
    const mac = MacAddress.ofAddress(ADDRESS, 100);
    h1.driver.attached.set("ghost", { id: "ghost", network, addresses: [ADDRESS], mac, epoch: 1, ports: [] });
    expect(kinds(await repair())).toEqual(["stray-interface"]);
    await cluster.until(() => h1.driver.attached.size === 0);
    expect(await cluster.claims()).toHaveLength(1);
    expect(kinds(await repair())).toEqual(["endpoint-missing"]);
    expect(await cluster.claims()).toEqual([]);
  });

  test("end what runs in no sandbox any more and what its runtime does not have", async () => {
    const endpoint = await run("d1");
    h1.workloads.sighted?.("docker", new Set(["d1"]));
    sandboxes.set("/netns/d1", "gone");
    h1.driver.states.set(endpoint, "gone");
    expect(await verify()).toEqual([]);
    h1.workloads.sighted?.("docker", new Set());
    expect(kinds(await repair())).toEqual(["endpoint-dead"]);
    await cluster.until(async () => h1.driver.attached.size === 0 && (await h1.onDisk()).size === 0);
    expect(await cluster.claims()).toEqual([]);
  });

  test("leave alone what runs while its runtime is not reached, or somebody lives in its sandbox", async () => {
    await run("d1");
    for (const listed of [undefined, new Set<string>()]) {
      h1.workloads.sighted?.("docker", listed);
      for (let look = 0; look < 5; look++) {
        expect(await verify()).toEqual([]);
        await systemClock.wait(20, cluster.signal);
      }
    }
    expect(h1.driver.attached.size).toBe(1);
  });

  test("keep the address of what runs when the controller has lost its record", async () => {
    const endpoint = await run("d1");
    await cluster.stopController();
    const { entries } = await cluster.store.list("");
    const lost = entries.filter(({ key }) => /^(claims|addresses|endpoints|ledger)\//.test(key));
    const operations = lost.map(({ key }) => ({ kind: "delete" as const, key }));
    await cluster.store.commit({ conditions: [], operations });
    await cluster.startController();
    // As soon as the node is connected, without waiting for two looks.
    await cluster.until(async () => (await cluster.endpoints()).length === 1);
    expect(await cluster.endpoints()).toMatchObject([{ id: endpoint, node: "h1", addresses: [ADDRESS] }]);
    expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
    expect(await verify()).toEqual([]);
  });

  test("keep the network of what runs when the book was restored from before it, with another owner in its place", async () => {
    await run("d1");
    await cluster.stopController();
    const { entries } = await cluster.store.list("");
    await cluster.startController();
    await cluster.until(isInStep);
    await h1.workloads.detach({ runtimeEndpoint: "d1" }, cluster.signal);
    await h1.workloads.unreserve({ tenant: TENANT, network: NETWORK, address: ADDRESS }, cluster.signal);
    await cluster.until(async () => (await cluster.endpoints()).length === 0);
    const endpoint = await run("d2");
    await cluster.stopController();
    const present = (await cluster.store.list("")).entries.map(({ key }) => ({ kind: "delete" as const, key }));
    const before = entries.map(({ key, value }) => ({ kind: "put" as const, key, value }));
    await cluster.store.commit({ conditions: [], operations: present });
    await cluster.store.commit({ conditions: [], operations: before });
    await cluster.startController();
    await cluster.until(isInStep);
    for (const kind of ["endpoint-missing", "endpoint-unknown"]) {
      const done = (await repair()).flatMap((found) => (found.outcome?.repaired === true ? found.kind : []));
      expect(done).toEqual([kind]);
    }
    expect(await cluster.endpoints()).toMatchObject([{ id: endpoint, addresses: [ADDRESS] }]);
    expect([...h1.driver.attached.keys()]).toEqual([endpoint]);
  });

  test("say nothing of a node that is cut off, and nothing is taken from it", async () => {
    await leak();
    expect(kinds(await verify())).toEqual(["endpoint-missing"]);
    h1.link.cut();
    await systemClock.wait(60, cluster.signal);
    await expect(verify()).rejects.toThrow("h1: its feed is not connected");
    h1.link.mend();
    let heard: readonly Difference[] = [];
    await cluster.until(async () => {
      heard = await verify().catch(() => []);
      return heard.length > 0;
    });
    expect(heard[0]).toMatchObject({ observations: 1, proven: false });
    expect(await cluster.claims()).toHaveLength(1);
  });
});
