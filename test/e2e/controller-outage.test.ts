import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentInStep, killed } from "./machine.ts";
import { Stage } from "./stage.ts";
import { insideOf, type Streams, startStreams } from "./streams.ts";

let stage: Stage;
let streams: Streams;
let redis: { address: string; mac: string };
let mysql: { address: string; mac: string };
let job: { address: string; mac: string };

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "outage", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("cache", "--kind vxlan --subnet 10.30.0.0/24", signal);
  redis = await stage.claim("redis-0", "web", signal);
  mysql = await stage.claim("mysql-0", "cache", signal);
  const { h1, h2 } = stage;
  const [web, cache, some] = await Promise.all([
    stage.run(h1, "web-1", { network: "web" }, signal),
    stage.run(h1, "cache-1", { network: "cache" }, signal),
    stage.run(h1, "job-1", { network: "web" }, signal),
    stage.run(h2, "cache-2", { network: "cache" }, signal),
    stage.run(h1, "redis-0", { network: "web", address: redis.address }, signal),
    stage.run(h2, "mysql-0", { network: "cache", address: mysql.address }, signal),
  ]);
  job = some;
  const ends = {
    VLAN: { from: { space: stage.lab.router }, to: await insideOf(h1, "web-1", signal), address: web.address },
    VXLAN: {
      from: await insideOf(h2, "cache-2", signal),
      to: await insideOf(h1, "cache-1", signal),
      address: cache.address,
    },
  };
  streams = await startStreams(ends, signal);
  for (const address of [redis.address, mysql.address, job.address]) await stage.endpointIn(address, "active", signal);
});

/**
 * Over VXLAN in user space, Open vSwitch reads its routes anew whenever any link of the machine changes, and drops what it would send
 * meanwhile: a few milliseconds with each container that comes or goes. VLANs know no such thing.
 */
const LONGEST_PAUSE = 60;

async function carriedOn(signal: AbortSignal): Promise<void> {
  expect(await streams.lost(signal)).toMatchObject({ VLAN: 0 });
  const { VXLAN } = await streams.reports(signal);
  expect(VXLAN?.longestGapMs).toBeLessThan(LONGEST_PAUSE);
}

afterAll(async () => {
  await streams?.[Symbol.asyncDispose]();
  await stage?.[Symbol.asyncDispose]();
});

describe("while no controller answers", () => {
  test("containers that run keep talking", async ({ signal }) => {
    await killed(stage.lab.control, "controller", signal);
    await streams.sent(1500, signal);
    expect(await streams.lost(signal)).toEqual({ VLAN: 0, VXLAN: 0 });
  });

  test("a container with a claim of this node restarts", async ({ signal }) => {
    await stage.h1.docker(["restart", "--time", "0", "redis-0"], { signal });
    expect(await stage.addressOf(stage.h1, "redis-0", "web", signal)).toEqual(redis);
    expect(await stage.answersRouter(redis.address, signal)).toBe(true);
  });

  test("a container with a claim of this node is removed and made again, over VLAN and VXLAN", async ({ signal }) => {
    await stage.h1.docker(["rm", "--force", "redis-0"], { signal });
    expect(await stage.run(stage.h1, "redis-0", { network: "web", address: redis.address }, signal)).toEqual(redis);
    expect(await stage.answersRouter(redis.address, signal)).toBe(true);
    await stage.h2.docker(["rm", "--force", "mysql-0"], { signal });
    expect(await stage.run(stage.h2, "mysql-0", { network: "cache", address: mysql.address }, signal)).toEqual(mysql);
    expect(await stage.answers(stage.h1, "cache-1", mysql.address, signal)).toBe(true);
  });

  test("an ephemeral container restarts with an address of this node", async ({ signal }) => {
    await stage.h1.docker(["restart", "--time", "0", "job-1"], { signal });
    job = await stage.addressOf(stage.h1, "job-1", "web", signal);
    expect(await stage.answersRouter(job.address, signal)).toBe(true);
  });

  test("a claim that is not bound to this node does not start on it", async ({ signal }) => {
    const text = await stage.runRefused(stage.h2, "redis-0", `--network web --ip ${redis.address}`, signal);
    expect(text).toContain(
      `no controller answers, and ${redis.address} of default/web is not bound to this node (h2); ` +
        "only claims that are bound here can start without one",
    );
  });

  test("an agent that is restarted as well keeps what runs, and starts what is bound to its node", async ({
    signal,
  }) => {
    await carriedOn(signal);
    await killed(stage.h1, "agent", signal);
    await stage.platform.startAgent(stage.h1, signal);
    expect(await streams.lost(signal)).toEqual({ VLAN: 0, VXLAN: 0 });
    await stage.h1.docker(["restart", "--time", "0", "redis-0"], { signal });
    expect(await stage.addressOf(stage.h1, "redis-0", "web", signal)).toEqual(redis);
    expect(await stage.answersRouter(redis.address, signal)).toBe(true);
    await carriedOn(signal);
  });
});

describe("when the controller is back", () => {
  test("its book agrees with what runs", async ({ signal }) => {
    await stage.platform.startController(signal);
    for (const host of stage.lab.hosts) await agentInStep(host, signal);
    const containers = ["web-1", "cache-1", "redis-0", "job-1"].map((name) => ["h1", name] as const);
    const all = [...containers, ...["cache-2", "mysql-0"].map((name) => ["h2", name] as const)];
    const { endpoints, claims } = await stage.bookHas((book) => {
      const active = book.endpoints.filter((endpoint) => endpoint.phase === "active");
      // As long as nobody has reported, the book is as it was before.
      const redisStory = book.endpoints.find(({ identity }) => identity === "redis-0")?.history;
      if (redisStory?.[0]?.reason === undefined) return undefined;
      return active.length === all.length && book.endpoints.length === all.length ? book : undefined;
    }, signal);
    for (const [node, name] of all) {
      const host = node === "h1" ? stage.h1 : stage.h2;
      const { address, mac } = await stage.addressOf(host, name, name.match(/cache|mysql/) ? "cache" : "web", signal);
      const endpoint = endpoints.find(({ addresses }) => addresses.some((own) => own === address));
      expect.soft({ name, node: endpoint?.node, mac: endpoint?.mac }).toEqual({ name, node, mac });
      const claim = claims.find(({ addresses }) => addresses.some((own) => own === address));
      expect.soft(claim).toMatchObject({ binding: { node, endpoint: endpoint?.id }, epoch: endpoint?.epoch });
    }
    expect(claims).toHaveLength(all.length);
    const story = endpoints.find(({ identity }) => identity === "redis-0")?.history;
    expect(story?.[0]).toMatchObject({ phase: "reserved", actor: "node/h1", reason: "no controller answered" });
    expect(await stage.holdfast(`ip explain ${redis.address}`, signal)).toMatch(
      /moved +redis-0 +h1 +node\/h1 +replaced by e-[0-9a-f]+ while no controller was reached/,
    );
  });

  test("its lists name the claim, its node and the endpoint's phase", async ({ signal }) => {
    const claims = await stage.holdfast("claim list --network web --node h1", signal);
    expect(claims).toMatch(new RegExp(`default/web +redis-0 +${redis.address} +${redis.mac} +reserved +h1`));
    const endpoints = await stage.holdfast("endpoint list --network web", signal);
    expect(endpoints).toMatch(new RegExp(`default/web +redis-0 +${redis.address} +h1 +active`));
  });

  test("the address is still refused to others, with its owner and node named", async ({ signal }) => {
    const text = await stage.runRefused(stage.h2, "thief", `--network web --ip ${redis.address}`, signal);
    expect(text).toMatch(/redis-0/);
    expect(text).toMatch(/h1/);
    expect(await stage.answersRouter(redis.address, signal)).toBe(true);
  });

  test("traffic has not noticed anything", async ({ signal }) => {
    await carriedOn(signal);
    expect(await streams.lost(signal)).toEqual({ VLAN: 0, VXLAN: 0 });
  });
});
