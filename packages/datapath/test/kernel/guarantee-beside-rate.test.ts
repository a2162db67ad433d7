import type { EndpointQos } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { wiring } from "../../src/testing/parties.ts";
import type { Sandbox } from "../fabric.ts";
import { Probe, Traffic } from "../traffic.ts";
import { usualP99 } from "./round-trips.ts";
import { FAR, signal, UplinkWorld } from "./uplink-world.ts";

/** What the driver is told that the line carries. */
const TOLD = 190e6;
const GUARANTEE = 20e6;
const RATE = 40e6;
const PORT = 7300;
/** Bytes of what a datagram carries, and of its frame as tc counts it. */
const [DATAGRAM, FRAME] = [1400, 1442];

/** What has waited for an endpoint's own rate still has its class of the uplink. */
describe("a guarantee beside a rate of what the endpoint sends", () => {
  const redis = wiring("redis", "n7", ["10.20.0.5"]);
  const neighbour = wiring("neighbour", "n7", ["10.20.0.6"]);
  const egress = { rate: RATE, burst: 65_536 };
  const both: EndpointQos = { guarantee: GUARANTEE, egress };
  let world: UplinkWorld;
  let sandboxes: { readonly redis: Sandbox; readonly neighbour: Sandbox };
  let idle: number;

  beforeAll(async () => {
    world = await UplinkWorld.start({ line: 200e6, rate: TOLD });
    sandboxes = { redis: await world.place(redis), neighbour: await world.place(neighbour) };
    idle = await usualP99(sandboxes.neighbour);
  }, 60_000);
  afterAll(() => world[Symbol.asyncDispose]());

  const change = async (qos: EndpointQos | undefined): Promise<void> => {
    await world.driver.attach(qos === undefined ? neighbour : { ...neighbour, qos }, signal());
    await expect.poll(() => world.driver.status()).toEqual([]);
  };
  const inside = (...command: readonly [string, ...string[]]): Promise<string> =>
    world.machine.sandbox.exec(...command);
  const rules = async (): Promise<string> => {
    const names = ["holdfast_qos_hfr", "holdfast_uplink_hfr"];
    const texts = await Promise.all(names.map((name) => inside("nft", "-s", "list", "table", "netdev", name)));
    return texts.join("\n").replaceAll(/(set flowing \{[^}]*?)\s*elements = \{[^}]*\}/g, "$1");
  };
  /** Bits per second of frames that arrive of one and a half times the rate. */
  const arriving = async (): Promise<number> => {
    await using order = Traffic.start(world.target.path, "udp-order", FAR, PORT);
    await order.next();
    const [pace, length] = [Math.round((1.5 * RATE) / 8 / FRAME), 4000];
    await using swinging = Traffic.start(
      sandboxes.neighbour.path,
      "udp-swing",
      FAR,
      PORT,
      `${DATAGRAM}:${pace}x${length}`,
    );
    await swinging.next();
    const { received } = await order.finish<{ received: number }>();
    return (received * FRAME * 8) / (length / 1000);
  };

  /** Bytes of the neighbour's class that the tree has let go. */
  const treated = async (): Promise<number> => {
    const text = await inside("tc", "-s", "class", "show", "dev", "hfrup");
    return Number(/class htb \S+ parent \S+ leaf \S+ prio 0 rate 20Mbit [\s\S]*?Sent (\d+) bytes/.exec(text)?.[1]);
  };

  test("keeps answers quick while another one fills the uplink", async () => {
    await change(both);
    await using _flood = await world.flood(sandboxes.redis);
    expect(await usualP99(sandboxes.neighbour)).toBeLessThan(Math.max(3 * idle, 0.7));
  }, 60_000);

  test("gives what is guaranteed, and no more than the rate", async () => {
    await change(both);
    const alone = await arriving();
    expect(alone).toBeGreaterThan(RATE * 0.97);
    expect(alone).toBeLessThan(RATE * 1.03);
    await using _flood = await world.flood(sandboxes.redis);
    const beside = await arriving();
    expect(beside).toBeGreaterThan(GUARANTEE * 0.97);
    expect(beside).toBeLessThan(RATE * 1.03);
  }, 60_000);

  test("has what was above its tenth wait in the endpoint's own class, and puts no more on the line than that was told to carry", async () => {
    await change(both);
    await expect.poll(treated).toBeGreaterThanOrEqual(0);
    await using _flood = await world.flood(sandboxes.redis);
    const [class0, line0, begun] = [await treated(), await world.carried(), performance.now()];
    await arriving();
    const [class1, line1, seconds] = [await treated(), await world.carried(), (performance.now() - begun) / 1000];
    expect(class1 - class0).toBeGreaterThan((GUARANTEE / 8) * 3);
    const line = ((line1.bytes - line0.bytes) * 8) / seconds;
    expect(line).toBeGreaterThan(TOLD * 0.9);
    expect(line).toBeLessThan(TOLD * 1.01);
    expect(line1.drops).toBe(line0.drops);
  }, 60_000);

  test("comes, changes and goes in any order without a lost packet", async () => {
    await change(undefined);
    await using probe = await Probe.start(sandboxes.neighbour.path, { path: world.target.path, address: FAR });
    const [guarantee, more] = [{ guarantee: GUARANTEE }, { guarantee: 2 * GUARANTEE }];
    const slower = { egress: { ...egress, rate: RATE / 2 } };
    for (const qos of [guarantee, both, { egress }, both, { ...both, ...more }, { ...both, ...slower }, guarantee]) {
      await change(qos);
    }
    for (const qos of [undefined, { egress }, both, undefined, both]) await change(qos);
    expect(await probe.finish()).toMatchObject({ lost: 0 });
  }, 60_000);

  test("is as it was when the agent is restarted, and loses nothing", async () => {
    const seen = async () => [await rules(), await inside("tc", "filter", "show", "dev", "hfr2b", "ingress")];
    const before = await seen();
    expect(before[0]).toContain("10.20.0.6 : 4846:");
    await using probe = await Probe.start(sandboxes.neighbour.path, { path: world.target.path, address: FAR });
    await world.restart();
    await world.driver.attach(redis, signal());
    await change(both);
    await world.driver.synced(signal());
    expect(await probe.finish()).toMatchObject({ lost: 0 });
    expect(await seen()).toEqual(before);
  }, 60_000);

  test.each(["ip link delete hfr2w", "nft flush ruleset"])(
    "is in force again after %s",
    async (command) => {
      const [program = "", ...args] = command.split(" ");
      await inside(program, ...args);
      await expect.poll(() => rules().catch(String), { timeout: 5000 }).toContain('fwd to "hfr2w"');
      await expect.poll(() => rules().catch(String), { timeout: 5000 }).toContain("10.20.0.6 : 4846:");
      await expect.poll(() => sandboxes.neighbour.ping(FAR), { timeout: 5000 }).toBe(2);
      expect(await arriving()).toBeLessThan(RATE * 1.03);
    },
    60_000,
  );
});
