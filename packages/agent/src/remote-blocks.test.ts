import { IpAddress } from "@holdfast/core";
import { afterEach, expect, test } from "vitest";
import { Cluster, type Host } from "./testing/cluster.ts";
import { FakeDriver } from "./testing/fake-driver.ts";

let cluster: Cluster | undefined;
afterEach(() => cluster?.[Symbol.asyncDispose]());

/** A node that others route to. */
async function started(host: Host, address: string): Promise<Host> {
  await host.start({ report: { version: "test", labels: {}, addresses: [IpAddress.parse(address)] } });
  return host;
}

const told = ({ driver }: Host) =>
  [...driver.remoteBlocks.values()].map(({ prefix, via }) => `${prefix} via ${via.join()}`);

test("what a node was told of others' blocks is there again after a restart, without a controller, until that is over", async () => {
  const running = await Cluster.start([], undefined, { kind: "routed", nodeBlocks: { size: 4 } });
  cluster = running;
  const h1 = await started(running.addHost("h1"), "192.0.2.1");
  const h2 = await started(running.addHost("h2"), "192.0.2.2");
  for (const [name, host] of [
    ["h1", h1],
    ["h2", h2],
  ] as const)
    running.hosts.set(name, host);
  await running.until(() => told(h1).length === 1 && told(h2).length === 1);
  const [prefix = ""] = await h2.blocksOnDisk();
  expect(told(h1)).toEqual([`${prefix} via 192.0.2.2`]);

  await running.stopController();
  await h1.stop();
  h1.driver = new FakeDriver();
  await started(h1, "192.0.2.1");
  expect(told(h1)).toEqual([`${prefix} via 192.0.2.2`]);

  await h1.stop();
  await h2.stop();
  await running.startController();
  await running.reclaimBlock(prefix);
  h1.driver = new FakeDriver();
  await started(h1, "192.0.2.1");
  await running.until(() => h1.driver.journal.includes("synced"));
  await running.until(() => told(h1).length === 0);
});
