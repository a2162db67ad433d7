import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { Traffic } from "../traffic.ts";
import { FAR, signal, UplinkWorld } from "./uplink-world.ts";

const LINE = 50e6;
const GUARANTEE = 22e6;
const PORT = 7300;

/** What an endpoint sends within a tenth of its guarantee does not wait in the uplink's tree. */
describe("packets that go past the tree", () => {
  const undo = new AsyncDisposableStack();
  const loud = wiring("loud", "n7", ["10.20.0.5"]);
  const first = wiring("first", "n7", ["10.20.0.6"]);
  const second = wiring("second", "n7", ["10.20.0.7"]);
  let world: UplinkWorld;
  let sandboxes: { readonly loud: Sandbox; readonly first: Sandbox; readonly second: Sandbox };

  beforeAll(async () => {
    world = undo.use(await UplinkWorld.start({ line: LINE, rate: 0.99 * LINE }));
    const [one, two, three] = [await world.place(loud), await world.place(first), await world.place(second)];
    sandboxes = { loud: one, first: two, second: three };
    for (const each of [first, second]) {
      await world.driver.attach({ ...each, qos: { guarantee: GUARANTEE } }, signal());
    }
    await world.driver.synced(signal());
  }, 60_000);
  afterAll(() => undo.disposeAsync());

  const inside = (...command: readonly [string, ...string[]]): Promise<string> =>
    world.machine.sandbox.exec(...command);
  /** Packets of the first one's class that the tree has let go. */
  const treated = async (): Promise<number> => {
    const own = /10\.20\.0\.6 : (4846:[0-9a-f]+)/.exec(
      await inside("nft", "list", "map", "netdev", "holdfast_uplink_hfr", "v4"),
    )?.[1];
    const text = await inside("tc", "-s", "class", "show", "dev", "hfrup");
    return Number(new RegExp(`class htb ${own} [^]*?Sent \\d+ bytes (\\d+) pkt`).exec(text)?.[1]);
  };
  const swing = async (paces: string): Promise<{ sent: number; received: number; overtaken: number }> => {
    await using order = Traffic.start(world.target.path, "udp-order", FAR, PORT);
    await order.next();
    await using swinging = Traffic.start(sandboxes.first.path, "udp-swing", FAR, PORT, paces);
    const { sent } = await swinging.next<{ sent: number }>();
    return { sent, ...(await order.finish<{ received: number; overtaken: number }>()) };
  };

  test("are those within the share, which the tree does not give out", async () => {
    const before = await treated();
    expect(await sandboxes.first.ping(FAR, 100)).toBe(100);
    expect(await treated()).toBe(before);
    // 1,074 cells of 256 bytes for each of the two are not given out.
    expect(await inside("tc", "class", "show", "dev", "hfrup")).toContain("root rate 45100Kbit ceil 45100Kbit");
  });

  test("and those that do wait are together no more than the line carries", async () => {
    await using _flood = await world.flood(sandboxes.loud);
    const before = await world.carried();
    // 4.2 of the 4.4 Mbit/s that are set aside, as many flows.
    const small = [sandboxes.first, sandboxes.second].flatMap((each) =>
      [1, 2, 3, 4].map(() => Traffic.start(each.path, "udp-swing", FAR, PORT, "200:260x5000")),
    );
    const start = await treated();
    const sent = await Promise.all(small.map((each) => each.next<{ sent: number }>()));
    const first = sent.slice(0, 4).reduce((sum, each) => sum + each.sent, 0);
    // Most of them go past the tree.
    expect((await treated()) - start).toBeLessThan(first / 2);
    const after = await world.carried();
    expect(after.bytes - before.bytes).toBeGreaterThan((LINE / 8) * 4.5);
    expect(after.drops).toBe(before.drops);
    // Nothing waits where it cannot be put into order.
    expect(after.backlog).toBeLessThan((LINE / 8) * 0.01);
  }, 30_000);

  test("overtake none of their flow when it has gone above its guarantee and comes back", async () => {
    await world.keepOrder();
    await using _flood = await world.flood(sandboxes.loud);
    const above = "5500x300,400x300";
    const seen = await swing(`1400:${above},${above},${above},${above},5500x300,100x2600,0x2300,100x400`);
    expect(seen.received).toBeGreaterThan(3000);
    expect(seen.overtaken).toBe(0);
  }, 30_000);

  test("do not wait for a large flow of the same endpoint", async () => {
    await using _flood = await world.flood(sandboxes.loud);
    await using large = Traffic.start(sandboxes.first.path, "udp-swing", FAR, PORT, "1400:5500x2500");
    await expect.poll(treated).toBeGreaterThan((await treated()) + 1000);
    const text = await sandboxes.first.exec("ping", "-n", "-c", "100", "-i", "0.01", "-W", "1", FAR);
    const times = [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)).toSorted((a, b) => a - b);
    // 25 ms of the line wait in the class, and leave at less than its rate.
    expect(times[50]).toBeLessThan(10);
    await large.next();
  });

  test("are none of a flow that was above until it pauses", async () => {
    const past = async (paces: string): Promise<number> => {
      const start = await treated();
      const { sent } = await swing(paces);
      return sent - ((await treated()) - start);
    };
    // As many as are within the share go at once.
    expect(await past("100:5500x200,300x2900")).toBeLessThan(40);
    expect(await past("100:5500x200,0x2300,100x1000")).toBeGreaterThan(80);
  }, 30_000);
});
