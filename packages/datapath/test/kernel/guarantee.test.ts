import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { usualP99 } from "./round-trips.ts";
import { FAR, signal, UplinkWorld } from "./uplink-world.ts";

/** The story that the platform began with: one Redis sends its whole data set, and its neighbours on the machine are not reached any more. */
describe("a Redis that fills the uplink", () => {
  const redis = wiring("redis", "n7", ["10.20.0.5"]);
  const neighbour = wiring("neighbour", "n7", ["10.20.0.6"]);
  let world: UplinkWorld;
  let sandboxes: { readonly redis: Sandbox; readonly neighbour: Sandbox };
  let idle: number;

  beforeAll(async () => {
    world = await UplinkWorld.start({ line: 200e6, rate: 190e6 });
    sandboxes = { redis: await world.place(redis), neighbour: await world.place(neighbour) };
    idle = await usualP99(sandboxes.neighbour);
  }, 60_000);
  afterAll(() => world[Symbol.asyncDispose]());

  const underLoad = async (rounds: number): Promise<number> => {
    await using _flood = await world.flood(sandboxes.redis);
    return await usualP99(sandboxes.neighbour, rounds);
  };
  /** Rules without what packets have put into a set. */
  const rules = async (): Promise<string> => {
    const text = await world.machine.sandbox.exec("nft", "-s", "list", "table", "netdev", "holdfast_uplink_hfr");
    return text.replaceAll(/(set flowing \{[^}]*?)\s*elements = \{[^}]*\}/g, "$1");
  };
  const classes = async (): Promise<string> => {
    const text = await world.machine.sandbox.exec("tc", "class", "show", "dev", "hfrup");
    return text.split("\n").toSorted().join("\n");
  };

  test("starves its neighbour", async () => {
    expect(await underLoad(1)).toBeGreaterThan(10 * idle);
  }, 60_000);

  test("does not starve a neighbour with a guarantee", async () => {
    await world.driver.attach({ ...neighbour, qos: { guarantee: 20e6 } }, signal());
    await expect.poll(() => world.driver.status()).toEqual([]);
    expect(await world.machine.sandbox.exec("tc", "qdisc", "show", "dev", "eth0")).toContain("tbf");
    const loaded = await underLoad(5);
    expect(loaded).toBeLessThan(Math.max(3 * idle, 0.7));
  }, 60_000);

  test("finds guarantees as they were when its agent is restarted, and those that nobody wants any more go", async () => {
    const seen = async (): Promise<string> => {
      const links = (await world.machine.kernel.listLinks()).filter(({ name }) => name === "hfrup");
      return `${await rules()}${JSON.stringify(links)}\n${await classes()}`;
    };
    const wanted = { ...neighbour, qos: { guarantee: 20e6 } };
    await world.driver.attach({ ...redis, qos: { guarantee: 10e6 } }, signal());
    await expect.poll(seen).toContain("10.20.0.5 : 4846:");
    const before = await seen();
    await world.restart();
    await world.driver.attach({ ...redis, qos: { guarantee: 10e6 } }, signal());
    // Not all of them are told yet.
    await expect.poll(() => world.driver.status()).toEqual([]);
    expect(await seen()).toBe(before);
    await world.driver.attach(wanted, signal());
    await world.driver.synced(signal());
    expect(await seen()).toBe(before);
    await world.restart();
    for (const each of [redis, wanted]) await world.driver.attach(each, signal());
    await world.driver.synced(signal());
    const after = await seen();
    expect(after).not.toContain("10.20.0.5 : 4846:");
    expect(after).toContain("10.20.0.6 : 4846:");
    expect(after.match(/^class htb/gm)?.length).toBe(3);
  }, 60_000);

  test.each(["nft flush ruleset", "ip link delete hfrup"])("has its guarantee again after %s", async (command) => {
    const [program = "", ...args] = command.split(" ");
    const seen = async () =>
      await Promise.all([rules(), classes()])
        .then(String)
        .catch(() => "");
    const before = await seen();
    expect(before).toContain("10.20.0.6 : 4846:");
    await world.machine.sandbox.exec(program, ...args);
    await expect.poll(seen, { timeout: 5000 }).toBe(before);
    // The rule leads to the queue that is there now.
    await expect.poll(() => sandboxes.redis.ping(FAR), { timeout: 5000 }).toBe(2);
    await expect.poll(() => sandboxes.neighbour.ping(FAR), { timeout: 5000 }).toBe(2);
  });

  test("and what was made for the guarantee goes with it", async () => {
    await world.driver.attach(neighbour, signal());
    await expect.poll(() => world.machine.rules(), { timeout: 5000 }).not.toContain("holdfast_uplink");
    await expect.poll(() => world.machine.kernel.getLink("hfrup"), { timeout: 5000 }).toBeUndefined();
  }, 60_000);

  test("does not get more guaranteed than there is, and who does not is named", async () => {
    await world.driver.attach({ ...neighbour, qos: { guarantee: 150e6 } }, signal());
    await world.driver.attach({ ...redis, qos: { guarantee: 50e6 } }, signal());
    await expect
      .poll(() => world.driver.status().map(({ error }) => error ?? ""), { timeout: 5000 })
      .toEqual([expect.stringContaining("leave no 50Mbit")]);
    const before = await classes();
    expect(before).toContain("rate 150Mbit");
    expect(before).not.toContain("rate 50Mbit");
    // There is room again.
    await world.driver.attach({ ...neighbour, qos: { guarantee: 100e6 } }, signal());
    await expect.poll(() => world.driver.status(), { timeout: 10_000 }).toEqual([]);
    expect(await classes()).toContain("rate 50Mbit");
  }, 60_000);
});
