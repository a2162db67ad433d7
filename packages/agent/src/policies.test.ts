import { HoldfastError, type Identity, IpAddress } from "@holdfast/core";
import { newPolicySchema, routes } from "@holdfast/model";
import type { PolicyChange } from "@holdfast/policy";
import { describe, expect, test } from "vitest";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";
import { FakePolicyPath } from "./testing/fake-driver.ts";

const OUTSIDE = "192.0.2.7";

async function start(network: Parameters<typeof Cluster.start>[2] = {}, enforces = true) {
  const cluster = await Cluster.start([], undefined, network, { enforcePolicies: "true" });
  const host = cluster.addHost("h1");
  cluster.hosts.set("h1", host);
  if (enforces) host.driver.policy = new FakePolicyPath();
  await host.start();
  await cluster.until(() => host.driver.journal.includes("synced"));
  const { client, signal } = cluster;
  return {
    cluster,
    host,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    policy: (name: string, body: object = {}) =>
      client.call(
        routes.createPolicy,
        { params: { tenant: TENANT }, body: newPolicySchema.parse({ name, ...body }) },
        { signal },
      ),
    group: (name: string, body: object = {}) =>
      client.call(routes.createGroup, { params: { tenant: TENANT }, body: { name, ...body } }, { signal }),
  };
}

/** Reserves and attaches; gives the endpoint's id. */
async function run(host: Host, signal: AbortSignal, request: { identity?: string } = {}): Promise<string> {
  const runtimeEndpoint = `r-${request.identity ?? "x"}`;
  const wanted = { tenant: TENANT, network: NETWORK, runtime: "docker" as const, requester: runtimeEndpoint };
  const identity = request.identity === undefined ? {} : { identity: request.identity as Identity };
  const { addresses, endpoint } = await host.workloads.reserve({ ...wanted, ...identity }, signal);
  const attach = { tenant: TENANT, network: NETWORK, runtime: "docker" as const, runtimeEndpoint, addresses };
  await host.workloads.attach(attach, signal);
  return endpoint;
}

const pathOf = ({ driver }: Host): FakePolicyPath => {
  if (driver.policy === undefined) throw new TypeError("the driver enforces nothing");
  return driver.policy;
};

const DENY = { ingress: [{ id: "outside", action: "deny", peers: [{ kind: "cidr", cidr: "192.0.2.0/24" }] }] };

describe("an endpoint's policy", () => {
  test("is in force when it is attached, and follows edits", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.policy("p", DENY);
    await cluster.claim("a");
    const endpoint = await run(host, cluster.signal, { identity: "a" });
    expect(host.driver.attached.get(endpoint)?.policy).toBeDefined();
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("rule/default/p/ingress/outside");
    const rule = { tenant: TENANT, policy: "p", direction: "ingress", rule: "outside" } as const;
    const body = { rule: { id: "outside", action: "allow" as const } };
    await cluster.client.call(routes.setPolicyRule, { params: rule, body }, { signal: cluster.signal });
    await cluster.until(() => pathOf(host).changes.at(-1)?.programs.length === 1);
    expect(pathOf(host).path.endpoints.get(endpoint)).toBeDefined();
    await cluster.client.call(
      routes.deletePolicy,
      { params: { tenant: TENANT, policy: "p" } },
      { signal: cluster.signal },
    );
    await cluster.until(() => pathOf(host).decides(endpoint, OUTSIDE) === "default/default/ingress");
  });

  test("that only keeps tenants apart is none of the data path's", async () => {
    await using started = await start({}, false);
    const endpoint = await run(started.host, started.cluster.signal);
    expect(started.host.driver.attached.get(endpoint)).not.toHaveProperty("policy");
  });

  test("keeps it off the wire where the data path cannot enforce it, and running ones are named", async () => {
    await using started = await start({}, false);
    const { cluster, host } = started;
    const before = await run(host, cluster.signal);
    await started.policy("p", DENY);
    await cluster.claim("a");
    await expect(run(host, cluster.signal, { identity: "a" })).rejects.toThrow("which is not here");
    expect([...host.driver.attached.keys()]).toEqual([before]);
  });

  test("that comes with it is waited for until the data path has it", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.policy("p", { ...DENY, subject: { selector: { matchLabels: { app: "web" } } } });
    await cluster.claim("a", { labels: { app: "web" } });
    const path = pathOf(host);
    const apply = path.applyPolicy.bind(path);
    const [opened, begun] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    path.applyPolicy = async (change: PolicyChange) => {
      if (change.programs.length > 0) begun.resolve(undefined);
      await opened.promise;
      await apply(change);
    };
    const attached = run(host, cluster.signal, { identity: "a" });
    await begun.promise;
    await cluster.until(async () => [...(await host.onDisk()).values()].some(({ phase }) => phase === "binding"));
    opened.resolve(undefined);
    expect(path.decides(await attached, OUTSIDE)).toBe("rule/default/p/ingress/outside");
  });

  test("that was not told keeps it off the wire", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await cluster.claim("a");
    await cluster.until(async () => (await host.book.get("policy/told")) !== undefined);
    await host.stop();
    // What the answer names is not here, and the feed is behind.
    await started.policy("p", DENY);
    host.link.mute();
    await host.start();
    await expect(run(host, cluster.signal, { identity: "a" })).rejects.toMatchObject({ code: "unavailable" });
    expect(host.driver.attached.size).toBe(0);
  }, 20_000);

  test("is there after a restart without a controller, with every edit of its sets, before anything is attached", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.group("web", { selector: { matchLabels: { app: "web" } } });
    const web = { id: "web", action: "allow", peers: [{ kind: "group", group: "web" }] };
    await started.policy("p", { isolates: ["ingress"], ingress: [web] });
    await cluster.claim("a");
    const endpoint = await run(host, cluster.signal, { identity: "a" });
    const { addresses } = await cluster.claim("b", { labels: { app: "web" } });
    const from = String(addresses[0]);
    await cluster.until(() => pathOf(host).decides(endpoint, from) === "rule/default/p/ingress/web");
    await host.stop();
    await cluster.stopController();
    host.driver.policy = new FakePolicyPath();
    const seen: string[] = [];
    host.driver.before = (what, id) => {
      seen.push(`${what} ${id} with ${pathOf(host).path.programs.size > 0}`);
      return Promise.resolve();
    };
    await host.start();
    expect(seen).toEqual([`attach ${endpoint} with true`]);
    expect(pathOf(host).decides(endpoint, from)).toBe("rule/default/p/ingress/web");
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("isolates/default/p/ingress");
  });

  test("comes to one that was attached without, and goes again", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await cluster.claim("a");
    const endpoint = await run(host, cluster.signal, { identity: "a" });
    expect(host.driver.attached.get(endpoint)).not.toHaveProperty("policy");
    await started.policy("p", DENY);
    await cluster.until(() => host.driver.attached.get(endpoint)?.policy !== undefined);
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("rule/default/p/ingress/outside");
    await cluster.client.call(
      routes.deletePolicy,
      { params: { tenant: TENANT, policy: "p" } },
      { signal: cluster.signal },
    );
    await cluster.until(() => pathOf(host).decides(endpoint, OUTSIDE) === "default/default/ingress");
  });

  test("that becomes another while the endpoint is attached is the one it has", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.policy("p", DENY);
    await cluster.claim("a", { labels: { app: "web" } });
    let changed = false;
    host.driver.before = async (what) => {
      if (what !== "attach" || changed) return;
      changed = true;
      const seen = pathOf(host).changes.length;
      await started.policy("q", {
        tier: "admin",
        subject: { selector: { matchLabels: { app: "web" } } },
        isolates: ["ingress"],
      });
      await cluster.until(() => pathOf(host).changes.length > seen);
    };
    const endpoint = await run(host, cluster.signal, { identity: "a" });
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("isolates/default/q/ingress");
  });

  test("is that of its network when the node makes it by itself, also without a controller", async () => {
    await using started = await start({ nodeBlocks: { size: 16 } });
    const { cluster, host } = started;
    await started.policy("p", DENY);
    await run(host, cluster.signal, {});
    await cluster.until(() => pathOf(host).path.programs.size > 0);
    await cluster.stopController();
    const wanted = { tenant: TENANT, network: NETWORK, runtime: "docker" as const, requester: "r-2" };
    const { addresses, endpoint } = await host.workloads.reserve(wanted, cluster.signal);
    const attach = { tenant: TENANT, network: NETWORK, runtime: "docker" as const, runtimeEndpoint: "r-2", addresses };
    await host.workloads.attach(attach, cluster.signal);
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("rule/default/p/ingress/outside");
  });

  test("is that of its labels where nodes give addresses by themselves, and without a controller it is not attached", async () => {
    await using started = await start({ nodeBlocks: { size: 16 } });
    const { cluster, host } = started;
    await started.policy("p", { ...DENY, subject: { selector: { matchLabels: { app: "web" } } } });
    const plain = await run(host, cluster.signal);
    const wanted = { tenant: TENANT, network: NETWORK, runtime: "cni" as const, labels: { app: "web" } };
    const runtimeEndpoint = "r-web";
    const { addresses, endpoint } = await host.workloads.reserve(
      { ...wanted, requester: runtimeEndpoint },
      cluster.signal,
    );
    await host.workloads.attach({ ...wanted, runtimeEndpoint, addresses }, cluster.signal);
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("rule/default/p/ingress/outside");
    expect(host.driver.attached.get(plain)).not.toHaveProperty("policy");
    await cluster.stopController();
    const again = host.workloads.reserve({ ...wanted, requester: "r-2" }, cluster.signal);
    await expect(again).rejects.toMatchObject({ code: "unavailable" });
  }, 20_000);

  test("is tried again when the data path refuses it", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await cluster.claim("a");
    const endpoint = await run(host, cluster.signal, { identity: "a" });
    const before = pathOf(host).changes.length;
    pathOf(host).failure = new HoldfastError("kernel_rejected", "no room");
    await started.policy("p", DENY);
    await cluster.until(() => pathOf(host).changes.length > before);
    pathOf(host).failure = undefined;
    await cluster.until(() => pathOf(host).path.endpoints.has(endpoint));
    expect(pathOf(host).decides(endpoint, OUTSIDE)).toBe("rule/default/p/ingress/outside");
  }, 20_000);

  test("leaves nothing on disk of an endpoint whose node never heard that it was given", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.policy("p", DENY);
    host.link.loseAnswers(/reservations/);
    const wanted = { tenant: TENANT, network: NETWORK, runtime: "docker" as const, requester: "r-x" };
    await expect(host.workloads.reserve(wanted, cluster.signal)).rejects.toMatchObject({ code: "unavailable" });
    await cluster.until(async () => (await cluster.endpoints()).length === 0);
    await cluster.until(async () => (await host.book.list("policy/endpoint/")).entries.length === 0);
    await cluster.until(() => pathOf(host).path.programs.size === 0);
  });

  test("goes when the endpoint has gone, and its programs and sets with it", async () => {
    await using started = await start();
    const { cluster, host } = started;
    await started.policy("p", DENY);
    await cluster.claim("a");
    await run(host, cluster.signal, { identity: "a" });
    await host.workloads.detach({ runtimeEndpoint: "r-a" }, cluster.signal);
    const [claim] = await cluster.claims();
    const address = claim?.addresses[0] ?? IpAddress.parse("10.20.0.1");
    await host.workloads.unreserve({ tenant: TENANT, network: NETWORK, address }, cluster.signal);
    await cluster.until(() => pathOf(host).path.programs.size === 0);
    expect(pathOf(host).path.sets.size).toBe(0);
    for (const kind of ["program", "set", "endpoint", "block"]) {
      await cluster.until(async () => (await host.book.list(`policy/${kind}/`)).entries.length === 0);
    }
  });
});
