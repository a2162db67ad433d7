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

const own = ({ driver }: Host) => [...driver.ownBlocks.values()].map(({ prefix }) => prefix as string);
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
  const blocks = await h1.blocksOnDisk();
  expect(blocks).toHaveLength(1);
  expect(own(h1)).toEqual(blocks);
  expect(own(h2)).toEqual([prefix]);

  await running.stopController();
  await h1.stop();
  h1.driver = new FakeDriver();
  await started(h1, "192.0.2.1");
  expect(told(h1)).toEqual([`${prefix} via 192.0.2.2`]);
  expect(own(h1)).toEqual(blocks);

  await h1.stop();
  await h2.stop();
  await running.startController();
  await running.reclaimBlock(prefix);
  h1.driver = new FakeDriver();
  await started(h1, "192.0.2.1");
  await running.until(() => h1.driver.journal.includes("synced"));
  await running.until(() => told(h1).length === 0);
});

test("a node's data path knows the blocks that it has of routed networks, and of no others, until they are gone", async () => {
  const running = await Cluster.start([], undefined, { kind: "routed", nodeBlocks: { size: 4 } });
  cluster = running;
  const h1 = await started(running.addHost("h1"), "192.0.2.1");
  running.hosts.set("h1", h1);
  await running.until(() => own(h1).length === 1);
  const [first = ""] = own(h1);
  await h1.stop();
  await running.reclaimBlock(first);
  await started(h1, "192.0.2.1");
  await running.until(() => !own(h1).includes(first));
  await running[Symbol.asyncDispose]();

  const switched = await Cluster.start(["h1"], undefined, { nodeBlocks: { size: 4 } });
  cluster = switched;
  const other = switched.host("h1");
  await switched.until(async () => (await other.blocksOnDisk()).length === 1);
  expect(own(other)).toEqual([]);
});
