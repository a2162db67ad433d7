import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Sandbox } from "./fabric.ts";
import { Traffic } from "./traffic.ts";
import { TwoHosts } from "./two-hosts.ts";

/** Far less than the switch in user space carries, so that what waits, waits for the line. */
const LINE = 20e6;
/** A bit less than the line: what waits, waits where it can be put into order. */
const UPLINK = { link: "eth1", rate: 0.95 * LINE };
const FAR = "10.30.0.6";

/** Milliseconds that nine of ten answers took at most: the switch in user space shares its processor with all it carries. */
async function p90(from: Sandbox): Promise<number> {
  const text = await from.exec("ping", "-n", "-c", "300", "-i", "0.005", "-W", "1", FAR);
  const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)).toSorted((a, b) => a - b);
  return times[Math.floor(times.length * 0.9)] ?? Number.NaN;
}

/** The rival's Redis has the same address and MAC as the neighbour, in another network. */
describe("a tenant's Redis that fills the uplink through a tunnel", () => {
  let world: TwoHosts;
  let idle: number;
  let starved: number;

  beforeAll(async () => {
    world = await TwoHosts.start({ bridges: true });
    await world.driver(0).close();
    await world.open(0, { guaranteesOn: UPLINK });
    await world.driver(0).synced(world.signal);
    const line = ["rate", `${LINE}bit`, "burst", "16kb", "limit", String((LINE / 8) * 0.1)];
    await world.hosts[0].ovs.exec("tc", "qdisc", "add", "dev", "eth1", "root", "tbf", ...line);
    for (const [index, name, net, last] of [
      [0, "neighbour", "n8", 5],
      [1, "far", "n8", 6],
      [0, "redis", "n9", 5],
      [1, "sink", "n9", 6],
    ] as const) {
      await world.place(index, name, net, last);
    }
    const sink = world.keep(Traffic.start(world.at("sink").path, "tcp-sink", FAR, 7200));
    await sink.next();
    await world.at("neighbour").ping(FAR, 3);
    idle = await p90(world.at("neighbour"));
  }, 60_000);
  afterAll(() => world[Symbol.asyncDispose]());

  const underLoad = async (): Promise<number> => {
    await using flood = Traffic.start(world.at("redis").path, "tcp-flood", FAR, 7200, 4);
    await flood.next();
    return await p90(world.at("neighbour"));
  };

  test("starves its neighbour", async () => {
    starved = await underLoad();
    expect(starved).toBeGreaterThan(idle + 20);
  }, 60_000);

  test("does not starve a neighbour with a guarantee", async () => {
    const { wiring } = world.member("neighbour");
    await world.driver(0).attach({ ...wiring, qos: { guarantee: 2e6 } }, world.signal);
    const rules = () => world.hosts[0].ovs.exec("nft", "list", "ruleset");
    await expect
      .poll(rules)
      .toContain(`0x126700 . 0x${Number(`0x${wiring.mac.replaceAll(":", "")}`).toString(16)} : 4846:`);
    const loaded = await underLoad();
    expect(loaded).toBeLessThan(starved / 3);
  }, 60_000);
});
