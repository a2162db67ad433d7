import { Identity, Name } from "@holdfast/core";
import type { LabHost } from "@holdfast/lab";
import { flowDecisionText, routes } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFlowStage, type FlowStage, LIMIT } from "./flow-stage.ts";
import { repeated } from "./machine.ts";
import type { Stage } from "./stage.ts";

/** Ethernet, IPv4 and ICMP before what a ping carries. */
const HEADERS = 14 + 20 + 8;

let flow: FlowStage;
let stage: Stage;
/** When all had sent that send at first. Each waits for the same window of the collector then. */
let sentAt: number;

const SERVERS = ["serves", "beside"];
/** Packets to a container that nobody may talk to. */
let refused = 0;

beforeAll(async () => {
  const signal = AbortSignal.timeout(180_000);
  flow = await createFlowStage("flow-truth", 1, signal);
  ({ stage } = flow);
  for (const network of ["vlan", "overlay"]) await sendIn(network, signal);
  await sendWhileMoving(signal);
  await sendTracked(signal);
  await sendRefused(signal);
  await knock(signal);
  await sendAsTwins(signal);
  await sendAcross("overlay", ["sampled", "other"], { count: 15, bytes: 300 }, signal);
  await sendAcross("vlan", ["lives", "answers"], { count: 20, bytes: 100 }, signal);
  sentAt = Date.now();
}, 180_000);

afterAll(async () => {
  await flow?.[Symbol.asyncDispose]();
});

/** What was counted of pings in a network, e.g. `"redis-0@h1 > web-0: 20 packets, 2840 bytes"`. */
async function pingsIn(network: string, signal: AbortSignal): Promise<string[]> {
  const by = ["source.identity", "source.node", "destination.identity"];
  const { groups } = await flow.top(by.join(), `protocol=icmp source.network=${network}`, signal);
  return groups
    .map(({ key, traffic }) => {
      const [from, node, to] = by.map((field) => key[field]);
      const error = traffic.errorPercent === 0 ? "" : ` ±${traffic.errorPercent} %`;
      return `${from}@${node} > ${to}: ${traffic.packets} packets, ${traffic.bytes} bytes${error}`;
    })
    .sort();
}

/** What is counted of pings of a size. */
const counted = (count: number, bytes: number): string => `${count} packets, ${count * (bytes + HEADERS)} bytes`;

interface Size {
  readonly count: number;
  readonly bytes: number;
}

/** Sends so many pings of so many bytes, all of which are answered. */
async function ping(
  host: LabHost,
  container: string,
  { to, count, bytes }: Size & { readonly to: string },
  signal: AbortSignal,
): Promise<void> {
  const words = ["exec", container, "ping", "-q", "-c", String(count), "-i", "0.02", "-s", String(bytes), to];
  const said = await host.docker(words, { signal });
  expect(said).toContain(`${count} packets received`);
}

/** Of {@link pingsIn} what has one of these containers at an end, once all that was sent at first has been told. */
async function toldOf(network: string, names: readonly string[], signal: AbortSignal): Promise<readonly string[]> {
  await flow.settled(signal, sentAt);
  return (await pingsIn(network, signal)).filter((line) => isOf(line, names));
}

/** Whether a container with one of these names is at an end. */
function isOf(line: string, names: readonly string[]): boolean {
  const [, from = "", to = ""] = /^([^@]*)@\S* > ([^:]*):/.exec(line) ?? [];
  return names.includes(from) || names.includes(to);
}

/** Whether packets of the containers go through connection tracking. */
async function isTracking(host: LabHost, signal: AbortSignal): Promise<true | undefined> {
  const { stdout } = await host.exec(["ovs-ofctl", "-O", "OpenFlow14", "dump-flows", "hf-int"], { signal });
  return stdout.includes("ct(") ? true : undefined;
}

/** Datagrams of each exporter of a node. */
async function receivedOf(name: string, signal: AbortSignal): Promise<readonly number[]> {
  const { exporters } = await flow.look(signal);
  return exporters.filter(({ node }) => node === name).map(({ received }) => received);
}

interface Counts {
  readonly packets: number;
  readonly bytes: number;
}

/** What a container on the first host has sent: as the collector tells it, and as its switch said just before and just after. */
async function countsOf(identity: string, signal: AbortSignal): Promise<{ told: Counts; switch: Counts }> {
  const counters = async (from: number) => {
    const { items } = await stage.platform.client.call(routes.flowCounters, { query: { identity } }, { signal });
    // What came later than a switch holds samples back was counted then.
    return items.find(({ port, until }) => port !== undefined && Date.parse(until) > from + 1500);
  };
  return await repeated(async () => {
    const { port = "" } = await repeated(() => counters(0), signal);
    const before = await sentOf(port, signal);
    const now = Date.now();
    const { egress } = await repeated(() => counters(now), signal);
    const after = await sentOf(port, signal);
    if (after.packets !== before.packets) return undefined;
    return { told: { packets: egress.packets ?? 0, bytes: egress.bytes ?? 0 }, switch: after };
  }, signal);
}

/** What has come in by a port of the first host's switch. */
async function sentOf(port: string, signal: AbortSignal): Promise<Counts> {
  const number = port.replace("hfp", "");
  const { stdout } = await stage.h1.exec(["ovs-ofctl", "-O", "OpenFlow14", "dump-ports", "hf-int", number], { signal });
  const [, packets, bytes] = /rx pkts=(\d+), bytes=(\d+)/.exec(stdout) ?? [];
  return { packets: Number(packets), bytes: Number(bytes) };
}

/** Between containers on two machines, and on one. */
async function sendIn(network: string, signal: AbortSignal): Promise<void> {
  const [a, b, c] = [`${network}-a`, `${network}-b`, `${network}-c`];
  for (const identity of [a, b, c]) await stage.claim(identity, network, signal);
  await flow.start(stage.h1, a, network, signal);
  const far = await flow.start(stage.h2, b, network, signal);
  const near = await flow.start(stage.h1, c, network, signal);
  await ping(stage.h1, a, { to: far, count: 40, bytes: 100 }, signal);
  await ping(stage.h1, a, { to: near, count: 25, bytes: 1000 }, signal);
}

async function sendWhileMoving(signal: AbortSignal): Promise<void> {
  for (const identity of ["mover", "rest"]) await stage.claim(identity, "vlan", signal);
  const rest = await flow.start(stage.h1, "rest", "vlan", signal);
  await flow.start(stage.h1, "mover", "vlan", signal);
  await ping(stage.h1, "mover", { to: rest, count: 30, bytes: 200 }, signal);
  await stage.h1.docker(["rm", "--force", "mover"], { signal });
  await flow.start(stage.h2, "mover", "vlan", signal);
  await ping(stage.h2, "mover", { to: rest, count: 20, bytes: 200 }, signal);
}

/** To containers whose policies track connections. */
async function sendTracked(signal: AbortSignal): Promise<void> {
  for (const identity of ["asks", ...SERVERS]) {
    await stage.claim(identity, "vlan", signal);
    await stage.holdfast(`group create ${identity} --identity ${identity}`, signal);
  }
  await flow.start(stage.h1, "asks", "vlan", signal);
  const far = await flow.start(stage.h2, "serves", "vlan", signal);
  const near = await flow.start(stage.h1, "beside", "vlan", signal);
  for (const identity of SERVERS) {
    await stage.holdfast(`policy create ${identity} --group ${identity} --isolate ingress`, signal);
    await stage.holdfast(`policy set-rule ${identity} ingress ask --action allow --peer group=asks`, signal);
  }
  for (const host of stage.lab.hosts) await repeated(async () => await isTracking(host, signal), signal);
  await ping(stage.h1, "asks", { to: far, count: 40, bytes: 100 }, signal);
  await ping(stage.h1, "asks", { to: near, count: 25, bytes: 1000 }, signal);
}

/** From a container on the first machine to one on the second. */
async function sendAcross(network: string, [from, to]: readonly [string, string], size: Size, signal: AbortSignal) {
  for (const identity of [from, to]) await stage.claim(identity, network, signal);
  await flow.start(stage.h1, from, network, signal);
  await ping(stage.h1, from, { ...size, to: await flow.start(stage.h2, to, network, signal) }, signal);
}

/** To a container on the other machine whose policy lets nobody in, as soon as that is so. */
async function sendRefused(signal: AbortSignal): Promise<void> {
  for (const identity of ["stranger", "shut"]) await stage.claim(identity, "vlan", signal);
  await stage.holdfast("group create shut --identity shut", signal);
  await stage.holdfast("policy create shut --group shut --isolate ingress", signal);
  await flow.start(stage.h1, "stranger", "vlan", signal);
  const shut = await flow.start(stage.h2, "shut", "vlan", signal);
  const lost = async (count: number): Promise<number> => {
    const ping = ["docker", "exec", "stranger", "ping", "-q", "-c", String(count), "-i", "0.05", "-W", "1", shut];
    const { stdout } = await stage.h1.tryExec(ping, { signal });
    const [, sent, received] = /(\d+) packets transmitted, (\d+) packets received/.exec(stdout) ?? [];
    return Number(sent) - Number(received);
  };
  refused = await repeated(async () => (await lost(1)) || undefined, signal);
  refused += await lost(12);
  expect(refused).toBe(13);
}

/** Asks for connections: with one whose policy lets it, and one whose policy lets nobody in. */
async function knock(signal: AbortSignal): Promise<void> {
  await stage.claim("closed", "vlan", signal);
  await stage.holdfast("group create closed --identity closed", signal);
  await stage.holdfast("policy create closed --group closed --isolate ingress", signal);
  const closed = await flow.start(stage.h2, "closed", "vlan", signal);
  const { addresses } = await stage.platform.client.call(
    routes.getClaim,
    { params: { tenant: Name.parse("default"), network: Name.parse("vlan"), identity: Identity.parse("serves") } },
    { signal },
  );
  // Nobody serves there: what was let through is reset at once.
  for (const to of [closed, String(addresses[0])])
    await stage.h1.tryExec(["docker", "exec", "asks", "nc", "-w", "1", to, "80"], { signal });
}

/** Containers of two tenants on one host, with the same addresses and the same MACs: their VLANs have the last eight bits in common. */
const TWINS = [
  { tenant: "red", vlan: 300, count: 10 },
  { tenant: "blue", vlan: 556, count: 15 },
] as const;

async function sendAsTwins(signal: AbortSignal): Promise<void> {
  const macs = new Set<string>();
  for (const { tenant, vlan, count } of TWINS) {
    await stage.holdfast(`tenant create ${tenant}`, signal);
    await stage.network("twin", `--tenant ${tenant} --kind vlan --vlan ${vlan} --subnet 10.40.0.0/24`, signal);
    for (const [name, address] of [
      ["one", "10.40.0.11"],
      ["two", "10.40.0.12"],
    ] as const) {
      await stage.holdfast(`claim create ${name} --tenant ${tenant} --network twin --address ${address}`, signal);
      const { mac } = await stage.run(stage.h1, `${tenant}-${name}`, { network: `twin.${tenant}`, address }, signal);
      macs.add(mac);
    }
    await ping(stage.h1, `${tenant}-one`, { to: "10.40.0.12", count, bytes: 100 }, signal);
  }
  expect(macs.size).toBe(2);
}

describe("where each packet is sampled, at both bridges of both machines", () => {
  // First, for meanwhile the rest is told.
  test(
    "what a switch counts at a container's port is told to the packet",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      for (const identity of ["counted", "near"]) await stage.claim(identity, "vlan", signal);
      await flow.start(stage.h1, "counted", "vlan", signal);
      const near = await flow.start(stage.h1, "near", "vlan", signal);
      await ping(stage.h1, "counted", { to: near, count: 5, bytes: 100 }, signal);
      const before = await countsOf("counted", signal);
      await ping(stage.h1, "counted", { to: near, count: 40, bytes: 100 }, signal);
      const after = await countsOf("counted", signal);
      const grown = (of: "told" | "switch") => ({
        packets: after[of].packets - before[of].packets,
        bytes: after[of].bytes - before[of].bytes,
      });
      expect(grown("told")).toEqual(grown("switch"));
      expect(grown("told").packets).toBeGreaterThanOrEqual(40);
    },
    LIMIT,
  );

  test.each(["vlan", "overlay"])(
    "what containers of a %s sent is counted, once and exactly",
    async (network) => {
      const signal = AbortSignal.timeout(LIMIT);
      const [a, b, c] = [`${network}-a`, `${network}-b`, `${network}-c`];
      expect(await toldOf(network, [a, b, c], signal)).toEqual([
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
      expect(await toldOf("vlan", ["mover", "rest"], signal)).toEqual([
        "mover@h1 > rest: 30 packets, 7260 bytes",
        "mover@h2 > rest: 20 packets, 4840 bytes",
        "rest@h1 > mover: 50 packets, 12100 bytes",
      ]);
    },
    LIMIT,
  );

  test(
    "what policies track is counted as what they let through, and nothing of it is told as dropped",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      expect(await toldOf("vlan", ["asks", ...SERVERS], signal)).toEqual([
        `asks@h1 > beside: ${counted(25, 1000)}`,
        `asks@h1 > serves: ${counted(40, 100)}`,
        `beside@h1 > asks: ${counted(25, 1000)}`,
        `serves@h2 > asks: ${counted(40, 100)}`,
      ]);
      expect((await flow.status(signal)).taken.discards).toBe(0);
      expect((await flow.top("", "verdict=denied", signal)).total.packets).toBe(0);
    },
    LIMIT,
  );

  test(
    "what has the same addresses and MACs on one host is told apart by its ports",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      await flow.settled(signal, sentAt);
      const by = ["source.tenant", "source.identity", "destination.tenant", "destination.identity"];
      const { groups } = await flow.top(by.join(), "protocol=icmp source.network=twin", signal);
      const said = groups.map(({ key, traffic: { packets } }) => `${by.map((of) => key[of]).join(" ")} ${packets}`);
      expect(said.sort()).toEqual([
        "blue one blue two 15",
        "blue two blue one 15",
        "red one red two 10",
        "red two red one 10",
      ]);
    },
    LIMIT,
  );

  test(
    "what a policy refuses is told as its drops, to the packet, at the node of whom it was for",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      const query = { policy: "shut", by: "rule,node", last: "10m" };
      const drops = async () => await stage.platform.client.call(routes.flowDrops, { query }, { signal });
      await repeated(async () => ((await drops()).total.packets >= refused ? true : undefined), signal);
      const key = { tenant: "default", policy: "shut", direction: "ingress", rule: null, node: "h2" };
      expect((await drops()).groups).toMatchObject([{ key, packets: refused }]);
    },
    LIMIT,
  );

  test(
    "of single packets it is told which rule of which policy has let them through, or refused them",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      const decided = async (): Promise<readonly string[]> => {
        const query = { filter: "source.identity=asks protocol=tcp", last: "10m", verdict: "true" } as const;
        const { items } = await stage.platform.client.call(routes.flowSamples, { query }, { signal });
        const said = items.map(({ destination, decision }) =>
          [destination.identity, ...(decision === undefined ? [] : [flowDecisionText(decision)])].join(" "),
        );
        return [...new Set(said)].sort();
      };
      // Nodes tell what they have counted every ten seconds.
      const all = await repeated(async () => {
        const said = await decided();
        return said.length === 2 && said.every((line) => line.includes(" by ")) ? said : undefined;
      }, signal);
      expect(all).toEqual([
        "closed denied by default/closed: no rule allows it",
        "serves allowed by ask of default/serves",
      ]);
    },
    LIMIT,
  );

  test(
    "each packet of a window is there as a sample as well",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      await flow.settled(signal, sentAt);
      const query = { filter: "protocol=icmp source.identity=sampled,other", last: "5m", limit: 1000 };
      const { items } = await stage.platform.client.call(routes.flowSamples, { query }, { signal });
      const said = items.map(({ source, destination, bytes, rate }) =>
        [source.identity, source.node, destination.identity, bytes, rate].join(" "),
      );
      const each = (line: string): string[] => Array.from({ length: 15 }, () => line);
      expect(said.sort()).toEqual([...each("other h2 sampled 342 1"), ...each("sampled h1 other 342 1")]);
    },
    LIMIT,
  );

  test(
    "nothing else is counted in these networks",
    async () => {
      const signal = AbortSignal.timeout(LIMIT);
      await flow.settled(signal, sentAt);
      const known = {
        vlan: "vlan-a vlan-b vlan-c mover rest asks serves beside counted near lives answers stranger shut".split(" "),
        overlay: "overlay-a overlay-b overlay-c sampled other".split(" "),
      };
      for (const [network, names] of Object.entries(known)) {
        expect((await pingsIn(network, signal)).filter((line) => !isOf(line, names))).toEqual([]);
      }
    },
    LIMIT,
  );

  test(
    "an Open vSwitch that is killed exports again when it is back, and what was sent is counted as before",
    async () => {
      const signal = AbortSignal.timeout(2 * LIMIT);
      const [far = ""] = (await stage.getClaim("answers", "vlan", signal)).addresses;
      // It takes with it what it has not sent yet.
      await flow.settled(signal, sentAt);
      const exported = async () => await receivedOf("h1", signal);
      await stage.lab.kill(stage.h1, "ovs", signal);
      await flow.settled(signal);
      const before = await exported();
      await stage.lab.start(stage.h1, "ovs", signal);
      const isBack = async () => (await exported()).every((count, index) => count > (before[index] ?? 0));
      await repeated(async () => ((await isBack()) ? true : undefined), signal);
      await repeated(async () => ((await stage.answersRouter(far, signal)) ? true : undefined), signal);
      await ping(stage.h1, "lives", { to: far, count: 30, bytes: 100 }, signal);
      await flow.settled(signal);
      const told = (await pingsIn("vlan", signal)).filter((line) => line.includes("lives"));
      expect(told).toEqual([`answers@h2 > lives: ${counted(50, 100)}`, `lives@h1 > answers: ${counted(50, 100)}`]);
    },
    2 * LIMIT,
  );

  test("nothing is lost, and what containers send has a name", async () => {
    const signal = AbortSignal.timeout(LIMIT);
    const { lost, refused, exporters } = await flow.status(signal);
    expect(lost).toMatchObject({ kernel: 0, missing: 0, leftOut: 0, store: 0 });
    expect(refused).toEqual({});
    expect(exporters.map(({ samplesLost }) => samplesLost)).toEqual([0, 0, 0, 0]);
  });
});
