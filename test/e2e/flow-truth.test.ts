import type { LabHost } from "@holdfast/lab";
import { type FlowStatus, flowStatusSchema, routes } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeated } from "./machine.ts";
import { HOLDFAST, Stage } from "./stage.ts";

/** Where collectors and controllers are in a lab: the control space's address. */
const CONTROL = "192.168.77.2";
const STATUS = "http://127.0.0.1:4655";
/** Ethernet, IPv4 and ICMP before what a ping carries. */
const HEADERS = 14 + 20 + 8;
const LIMIT = 60_000;

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(120_000);
  stage = await Stage.create(
    {
      title: "flow-truth",
      vlans: { 100: ["10.20.0.1/16"] },
      controllerFlags: [
        "--sflow-targets",
        CONTROL,
        "--sflow-sampling",
        "1",
        "--sflow-polling",
        "1s",
        "--collector",
        STATUS,
      ],
    },
    signal,
  );
  const flags = [
    "--listen",
    `${CONTROL}:6343`,
    "--server",
    stage.platform.server,
    "--controller-token",
    stage.platform.token,
  ];
  await stage.lab.control.spawn([HOLDFAST, "collector", ...flags, "--store", `${stage.lab.folder}/flows.db`], {
    name: "collector",
    ready: { kind: "line", pattern: /"collector is ready"/, timeout: LIMIT },
    signal: new AbortController().signal,
  });
  await stage.network("vlan", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("overlay", "--kind vxlan --subnet 10.30.0.0/16", signal);
  const areHeard = async () => (heardExporters(await status(signal)).join() === "h1,h2" ? true : undefined);
  await repeated(areHeard, signal);
}, 180_000);

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function status(signal: AbortSignal): Promise<FlowStatus> {
  const { stdout } = await stage.lab.control.exec([HOLDFAST, "flows", "status", "--collector", STATUS, "-o", "json"], {
    signal,
  });
  return flowStatusSchema.parse(JSON.parse(stdout));
}

/** Nodes of both of whose bridges something has come. */
function heardExporters({ exporters, inventory }: FlowStatus): string[] {
  if (inventory.state !== "in-step") return [];
  const nodes = exporters.map(({ node }) => node ?? "nobody's");
  return [...new Set(nodes)].filter((node) => nodes.filter((one) => one === node).length === 2).sort();
}

/** Waits until everything that was sampled before has been told. */
async function settled(signal: AbortSignal): Promise<void> {
  const now = Date.now();
  const isOver = async () => Date.parse((await status(signal)).window?.start ?? "") > now + 2000;
  await expect.poll(isOver, { timeout: LIMIT, interval: 500 }).toBe(true);
}

/** What was counted of pings in a network, e.g. `"redis-0@h1 > web-0: 20 packets, 2840 bytes"`. */
async function pingsIn(network: string, signal: AbortSignal): Promise<string[]> {
  const by = "source.identity,source.node,destination.identity";
  const query = { by, filter: `protocol=icmp source.network=${network}`, last: "30m", limit: 100 };
  const { groups } = await stage.platform.client.call(routes.topFlows, { query }, { signal });
  return groups
    .map(({ key, traffic }) => {
      const [from, node, to] = by.split(",").map((field) => key[field]);
      const error = traffic.errorPercent === 0 ? "" : ` ±${traffic.errorPercent} %`;
      return `${from}@${node} > ${to}: ${traffic.packets} packets, ${traffic.bytes} bytes${error}`;
    })
    .sort();
}

/** Sends so many pings of so many bytes, all of which are answered. */
async function ping(
  host: LabHost,
  container: string,
  { to, count, bytes }: { readonly to: string; readonly count: number; readonly bytes: number },
  signal: AbortSignal,
): Promise<void> {
  const words = ["exec", container, "ping", "-q", "-c", String(count), "-i", "0.02", "-s", String(bytes), to];
  const said = await host.docker(words, { signal });
  expect(said).toContain(`${count} packets received`);
}

async function start(host: LabHost, identity: string, network: string, signal: AbortSignal): Promise<string> {
  const [address = ""] = (await stage.getClaim(identity, network, signal)).addresses;
  await stage.run(host, identity, { network, address }, signal);
  return address;
}

describe("where each packet is sampled, at both bridges of both machines", () => {
  test.each(["vlan", "overlay"])(
    "what containers of a %s sent is counted, once and exactly",
    async (network) => {
      const signal = AbortSignal.timeout(LIMIT);
      const [a, b, c] = [`${network}-a`, `${network}-b`, `${network}-c`];
      for (const identity of [a, b, c]) await stage.claim(identity, network, signal);
      await start(stage.h1, a, network, signal);
      const far = await start(stage.h2, b, network, signal);
      const near = await start(stage.h1, c, network, signal);
      await ping(stage.h1, a, { to: far, count: 40, bytes: 100 }, signal);
      await ping(stage.h1, a, { to: near, count: 25, bytes: 1000 }, signal);
      await settled(signal);
      const counted = (count: number, bytes: number): string => `${count} packets, ${count * (bytes + HEADERS)} bytes`;
      expect(await pingsIn(network, signal)).toEqual([
        `${a}@h1 > ${b}: ${counted(40, 100)}`,
        `${a}@h1 > ${c}: ${counted(25, 1000)}`,
        `${b}@h2 > ${a}: ${counted(40, 100)}`,
        `${c}@h1 > ${a}: ${counted(25, 1000)}`,
      ]);
    },
    LIMIT,
  );

  test(
    "a container that moves in the middle is one identity, and each half has its node",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      for (const identity of ["mover", "rest"]) await stage.claim(identity, "vlan", signal);
      const rest = await start(stage.h1, "rest", "vlan", signal);
      await start(stage.h1, "mover", "vlan", signal);
      await ping(stage.h1, "mover", { to: rest, count: 30, bytes: 200 }, signal);
      await stage.h1.docker(["rm", "--force", "mover"], { signal });
      await start(stage.h2, "mover", "vlan", signal);
      await ping(stage.h2, "mover", { to: rest, count: 20, bytes: 200 }, signal);
      await settled(signal);
      const told = (await pingsIn("vlan", signal)).filter((line) => line.includes("mover"));
      expect(told).toEqual([
        "mover@h1 > rest: 30 packets, 7260 bytes",
        "mover@h2 > rest: 20 packets, 4840 bytes",
        "rest@h1 > mover: 50 packets, 12100 bytes",
      ]);
    },
    LIMIT,
  );

  test("nothing is lost, and what containers send has a name", async () => {
    const signal = AbortSignal.timeout(LIMIT);
    const { lost, refused, exporters } = await status(signal);
    expect(lost).toMatchObject({ kernel: 0, missing: 0, leftOut: 0, store: 0 });
    expect(refused).toEqual({});
    expect(exporters.map(({ samplesLost }) => samplesLost)).toEqual([0, 0, 0, 0]);
  });
});
