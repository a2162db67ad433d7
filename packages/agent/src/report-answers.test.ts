import type { IpAddress } from "@holdfast/core";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Cluster, type Host, holdable, NETWORK, TENANT } from "./testing/cluster.ts";

const ADDRESSES = ["10.20.0.7", "10.20.0.8"] as IpAddress[];
const docker = { tenant: TENANT, network: NETWORK, runtime: "docker" } as const;

let cluster: Cluster;
let h1: Host;
beforeEach(async () => {
  cluster = await Cluster.start(["h1"]);
  h1 = cluster.host("h1");
});
afterEach(() => cluster[Symbol.asyncDispose]());

/** Gives the endpoint's id. */
async function run(address: IpAddress): Promise<string> {
  const { endpoint, addresses } = await h1.workloads.reserve(
    { ...docker, requester: "pool-1", address },
    cluster.signal,
  );
  await h1.workloads.attach({ ...docker, runtimeEndpoint: `d-${address}`, addresses }, cluster.signal);
  return endpoint;
}

async function recordOf(
  endpoint: string,
): Promise<{ readonly phase: string; readonly unreported: readonly unknown[] }> {
  const found = await h1.book.get(`endpoint/${endpoint}`);
  return JSON.parse(found?.value ?? expect.fail(`no record of ${endpoint}`));
}

test("what the controller answers for one endpoint of a report waits for no other's record on disk", async () => {
  const disk = holdable(h1.book);
  await h1.stop();
  h1.book = disk.store;
  await h1.start();
  // The first one's record once all of it has been told.
  const marks = [`"${ADDRESSES[0]}"`, '"phase":"wired"', '"unreported":[]'];
  const release = disk.hold((each) => each.kind === "put" && marks.every((mark) => each.value.includes(mark)));
  const [one = "", other = ""] = await Promise.all(ADDRESSES.map(run));
  await cluster.until(async () => (await recordOf(other)).unreported.length === 0);
  expect((await recordOf(one)).unreported).not.toEqual([]);
  release();
  await cluster.until(async () => (await recordOf(one)).unreported.length === 0);
});
