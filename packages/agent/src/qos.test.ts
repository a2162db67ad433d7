import { type Identity, Name } from "@holdfast/core";
import { newQosProfileSchema, routes } from "@holdfast/model";
import { expect, test } from "vitest";
import { Cluster, type Host, NETWORK, TENANT } from "./testing/cluster.ts";

const BULK = Name.parse("bulk");

async function start() {
  const cluster = await Cluster.start([], undefined, {}, {});
  const host = cluster.addHost("h1");
  cluster.hosts.set("h1", host);
  await host.start();
  await cluster.until(() => host.driver.journal.includes("synced"));
  const { client, signal } = cluster;
  const profile = (rate: string) =>
    client.call(
      routes.createQosProfile,
      {
        params: { tenant: TENANT },
        body: newQosProfileSchema.parse({ name: BULK, egress: { rate, packets: 500 } }),
      },
      { signal },
    );
  await profile("10Mbit");
  return {
    cluster,
    host,
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
    speed: (rate: string) =>
      client.call(
        routes.updateQosProfile,
        { params: { tenant: TENANT, profile: "bulk" }, body: { egress: { rate } } },
        { signal },
      ),
    name: (qos: string | null) =>
      client.call(
        routes.updateClaim,
        { params: { tenant: TENANT, network: NETWORK, identity: "a" }, body: { qos } },
        { signal },
      ),
  };
}

async function run(host: Host, signal: AbortSignal, qos: object = {}): Promise<string> {
  const wanted = { tenant: TENANT, network: NETWORK, runtime: "docker" as const };
  const reserve = { ...wanted, requester: "r-a", identity: "a" as Identity };
  const { addresses, endpoint } = await host.workloads.reserve(reserve, signal);
  await host.workloads.attach({ ...wanted, runtimeEndpoint: "r-a", addresses, ...qos }, signal);
  return endpoint;
}

const rateOf = ({ driver }: Host, endpoint: string) => driver.attached.get(endpoint)?.qos?.egress?.rate;

test("an endpoint has its QoS from the first packet, and every change of it", async () => {
  await using started = await start();
  const { cluster, host } = started;
  await cluster.claim("a", { qos: BULK });
  const endpoint = await run(host, cluster.signal);
  expect(rateOf(host, endpoint)).toBe(10e6);
  await started.speed("20Mbit");
  await cluster.until(() => rateOf(host, endpoint) === 20e6);
  await started.name(null);
  await cluster.until(() => host.driver.attached.get(endpoint)?.qos === undefined);
  await started.name("bulk");
  await cluster.until(() => rateOf(host, endpoint) === 20e6);
});

test("an endpoint has its QoS with the answer to its reservation, whatever the feed says", async () => {
  await using started = await start();
  const { cluster, host } = started;
  await cluster.claim("a", { qos: BULK });
  await host.stop();
  host.link.mute();
  await host.start();
  expect(rateOf(host, await run(host, cluster.signal))).toBe(10e6);
}, 20_000);

test("an endpoint keeps its QoS over a start without a controller, and hears then what it has missed", async () => {
  await using started = await start();
  const { cluster, host } = started;
  await cluster.claim("a", { qos: BULK });
  const endpoint = await run(host, cluster.signal);
  await host.stop();
  await started.speed("30Mbit");
  host.driver.attached.clear();
  host.link.cut();
  await host.start();
  expect(rateOf(host, endpoint)).toBe(10e6);
  host.link.mend();
  await cluster.until(() => rateOf(host, endpoint) === 30e6);
}, 20_000);

test("of a limit of the profile and one of the runtime the narrower counts, also after a restart", async () => {
  await using started = await start();
  const { cluster, host } = started;
  await cluster.claim("a", { qos: BULK });
  const limit = { rate: 5e6, burst: 65_536 };
  const endpoint = await run(host, cluster.signal, { qos: { egress: limit, ingress: limit } });
  const expected = { profile: "bulk", egress: { ...limit, packets: 500 }, ingress: limit };
  expect(host.driver.attached.get(endpoint)?.qos).toEqual(expected);
  await host.stop();
  host.driver.attached.clear();
  await host.start();
  expect(host.driver.attached.get(endpoint)?.qos).toEqual(expected);
});
