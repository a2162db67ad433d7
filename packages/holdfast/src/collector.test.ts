import { createSocket } from "node:dgram";
import { readFile } from "node:fs/promises";
import { createClient } from "@holdfast/client";
import { startCollector, type TrafficWindow } from "@holdfast/collector";
import { controllerOptions, createController } from "@holdfast/controller";
import { IpAddress, Name, readOptions, silentLogger, systemClock } from "@holdfast/core";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { routes } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { expect, test } from "vitest";

const LOOPBACK = "127.0.0.1";
const signal = new AbortController().signal;

async function startController(stack: AsyncDisposableStack) {
  const store = openMemoryStore({ clock: systemClock });
  const options = readOptions("controller", controllerOptions, { flags: { listen: `${LOOPBACK}:0` } });
  const controller = createController({ store, clock: systemClock, logger: silentLogger }, options);
  await controller.start();
  stack.defer(() => controller.stop());
  return createClient({ fetch }, { server: `http://${LOOPBACK}:${controller.address.port}` });
}

async function startCollectorOf(stack: AsyncDisposableStack, client: Awaited<ReturnType<typeof startController>>) {
  const windows: TrafficWindow[] = [];
  const take = (window: TrafficWindow): Promise<void> => {
    windows.push(window);
    return Promise.resolve();
  };
  const collector = await startCollector(
    { clock: systemClock, logger: silentLogger, client, store: { kind: "list", description: "A list.", take } },
    {
      listen: { host: LOOPBACK, port: 0 },
      status: { host: LOOPBACK, port: 0 },
      receiveBuffer: 65_536,
      // Longer than any news takes; what is held back is read when it stops.
      settle: 60_000,
      holdMemory: 65_536,
      prefixes: [],
      windowSeconds: 60,
    },
  );
  stack.defer(() => collector.stop());
  const sender = createSocket("udp4");
  stack.defer(() => void sender.close());
  const sample = (sequence: number, packet: Uint8Array): Promise<void> => {
    const records = [encodeHeaderRecord(packet)];
    const samples = [encodeSample({ format: 1, sequence, rate: 1, pool: sequence, records })];
    const bytes = encodeDatagram({ agent: "172.16.0.1", sequence, uptimeMs: sequence, samples });
    return new Promise((resolve) => sender.send(bytes, collector.port, LOOPBACK, () => resolve()));
  };
  return { collector, windows, sample };
}

/** Whether a program has taken all that came to its port: the kernel holds nothing (/proc/net/udp, proc_net(5)). */
async function hasTakenAll(port: number): Promise<boolean> {
  const local = `:${port.toString(16).toUpperCase().padStart(4, "0")} `;
  const line = (await readFile("/proc/net/udp", "utf8")).split("\n").find((each) => each.includes(local));
  return / [0-9A-F]{8}:00000000 /.test(line ?? "");
}

test("a collector names traffic by the controller's book, as it was when each packet was sampled", async () => {
  await using stack = new AsyncDisposableStack();
  const client = await startController(stack);
  const [node, tenant, network] = ["h1", "default", "web"].map((text) => Name.parse(text)) as [Name, Name, Name];
  const tunnelAddress = IpAddress.parse("172.16.0.1");
  await client.call(routes.reportNode, { params: { node }, body: { version: "1", tunnelAddress } }, { signal });
  const subnets = [{ prefix: "10.20.0.0/16" }];
  const body = { name: "web", kind: "vlan" as const, segment: 100, subnets, cooldownSeconds: 0 };
  await client.call(routes.createNetwork, { params: { tenant }, body }, { signal });
  const at = { tenant, network };
  const reserve = async (endpoint: string, identity: string, address = "10.20.0.9") => {
    const claim = { identity, addresses: [address] };
    await client.call(routes.createClaim, { params: at, body: claim }, { signal });
    const request = { endpoint, ...at, identity, workload: { runtime: "manual" as const } };
    return (await client.call(routes.reserve, { params: { node }, body: request }, { signal })).endpoint;
  };
  const first = await reserve("h1-first", "redis-0");
  const { collector, windows, sample } = await startCollectorOf(stack, client);
  await expect.poll(() => collector.status().inventory.state).toBe("in-step");
  expect(collector.status().inventory).toMatchObject({ endpoints: 1, nodes: 1 });

  const packet = (destination: string): Uint8Array =>
    ethernet(
      { source: first.mac, destination: "02:ff:00:00:00:01" },
      ipv4({ source: "10.20.0.9", destination }, tcp({ destination: 443 })),
    );
  await sample(1, packet("192.0.2.1"));
  // Before that, it has not come.
  await expect.poll(() => hasTakenAll(collector.port)).toBe(true);
  // The same address and MAC pass to another identity; of both commits the collector hears after the samples have come.
  await client.call(routes.deleteEndpoint, { params: { endpoint: "h1-first" } }, { signal });
  await client.call(routes.releaseClaim, { params: { ...at, identity: "redis-0" } }, { signal });
  await reserve("h1-second", "redis-1");
  await sample(2, packet("192.0.2.2"));
  await sample(3, packet("10.20.0.77"));
  await sample(4, packet("10.20.0.1"));
  // Who hears of this one has heard of the others.
  await reserve("h1-third", "redis-2", "10.20.0.10");
  await expect.poll(() => collector.status().inventory.endpoints).toBe(2);
  await collector.stop();

  const rows = windows.flatMap((window) => window.rows);
  const told = rows.map(({ source, destination, direction, isAttributed, isCounted, node: seenBy }) => ({
    who: source.kind === "endpoint" ? source.identity : source.kind,
    to: `${destination.kind === "unknown" ? destination.reason : destination.kind} ${"address" in destination ? destination.address : ""}`,
    direction,
    isAttributed,
    isCounted,
    seenBy,
  }));
  const own = { direction: "egress", isCounted: true, seenBy: "h1" };
  expect(told).toEqual([
    { who: "redis-0", to: "outside 192.0.2.1", isAttributed: true, ...own },
    { who: "redis-1", to: "outside 192.0.2.2", isAttributed: true, ...own },
    { who: "redis-1", to: "free 10.20.0.77", isAttributed: false, ...own },
    { who: "redis-1", to: "outside 10.20.0.1", isAttributed: true, ...own },
  ]);
});
