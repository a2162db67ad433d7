import { PassThrough, Writable } from "node:stream";
import { Name } from "@holdfast/core";
import type { NodeFeedMessage } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { lease } from "../testing/block-harness.ts";
import { claimName, type EngineHarness, OPERATOR, startEngine, TENANT } from "../testing/engine-harness.ts";

/** What a node is told, as lines that a person would note. */
function listen(harness: EngineHarness, node: string) {
  const output = new PassThrough();
  harness.engine.nouns.feeds.open(Name.parse(node), output);
  return {
    /** What has come since the last call. */
    news(): string[] {
      let text = "";
      for (let chunk = output.read(); chunk !== null; chunk = output.read()) text += String(chunk);
      return text
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => note(JSON.parse(line)));
    },
    output,
  };
}

function note(message: NodeFeedMessage): string {
  switch (message.kind) {
    case "policy":
      return `policy ${message.change.endpoints.map(({ endpoint }) => endpoint).join(",")}`;
    case "network":
      return `network ${message.network.name}`;
    case "network-gone":
      return `network-gone ${message.id}`;
    case "block":
      return `block ${message.block.prefix}`;
    case "block-gone":
      return `block-gone ${message.lease}: ${message.reason}`;
    case "endpoint":
      return `endpoint ${message.endpoint.id} ${message.endpoint.addresses.join(",")} @${message.endpoint.epoch}`;
    case "endpoint-gone":
      return `endpoint-gone ${message.id}: ${message.reason}`;
    case "remote":
      return `remote ${message.remote.id} ${message.remote.addresses.join(",")} via ${message.remote.tunnelAddress}`;
    case "remote-block":
      return `remote-block ${message.block.prefix} via ${message.block.via.join(",")}`;
    case "remote-block-gone":
      return "remote-block-gone";
    case "remote-gone":
      return `remote-gone ${message.id}`;
    case "synced":
    case "inventory-wanted":
    case "beat":
      return message.kind;
  }
}

/** An overlay `ov` and a VLAN `web`, nodes h1 to h3, of which h3 takes no part in overlays. */
async function cluster(): Promise<EngineHarness> {
  const harness = await startEngine();
  await harness.network("ov", { kind: "vxlan", subnets: [{ prefix: "10.30.0.0/24" }], cooldownSeconds: 0 });
  await harness.network("web", { kind: "vlan" });
  await harness.node("h1", "192.0.2.1");
  await harness.node("h2", "192.0.2.2");
  await harness.node("h3");
  return harness;
}

describe("a node feed", () => {
  test("tells every node of every network, and of its end", async () => {
    await using harness = await cluster();
    const h1 = listen(harness, "h1");
    expect(h1.news()).toEqual(["network ov", "network web", "synced"]);
    await harness.network("new", { subnets: [] });
    const patch = { labels: { env: "prod" } };
    await harness.engine.nouns.networks.update(TENANT, Name.parse("new"), patch, OPERATOR);
    await harness.engine.nouns.networks.update(TENANT, Name.parse("new"), { mtu: 9000 }, OPERATOR);
    await harness.engine.nouns.networks.delete(TENANT, Name.parse("new"), OPERATOR);
    expect(h1.news()).toEqual(["network new", "network new", "network-gone n3"]);
  });

  test("tells of remote endpoints only nodes that have an endpoint in the overlay", async () => {
    await using harness = await cluster();
    const [h1, h2] = [listen(harness, "h1"), listen(harness, "h2")];
    h1.news();
    h2.news();
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    expect([h1.news(), h2.news()]).toEqual([["endpoint a 10.30.0.2 @1"], []]);
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    expect(h1.news()).toEqual(["remote b 10.30.0.3 via 192.0.2.2"]);
    expect(h2.news()).toEqual(["endpoint b 10.30.0.3 @1", "remote a 10.30.0.2 via 192.0.2.1"]);
    await harness.report("h2", "b", 1, ["released"]);
    expect(h1.news()).toEqual(["remote-gone b"]);
    expect(h2.news()).toEqual(["endpoint-gone b: released", "remote-gone a"]);
  });

  test("has no remote endpoints in VLANs, and none on nodes without a tunnel", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "web" });
    await harness.reserve("h1", { endpoint: "b", network: "ov" });
    await harness.reserve("h3", { endpoint: "c", network: "ov" });
    const h2 = listen(harness, "h2");
    await harness.reserve("h2", { endpoint: "d", network: "web" });
    await harness.reserve("h2", { endpoint: "e", network: "ov" });
    const news = h2.news();
    expect(news.filter((line) => line.startsWith("remote"))).toEqual(["remote b 10.30.0.2 via 192.0.2.1"]);
  });

  test("tells nothing of an overlay to a node that has only a block of it, as it would not hear of what ends there", async () => {
    await using harness = await cluster();
    const ov = Name.parse("ov");
    await harness.engine.nouns.networks.update(TENANT, ov, { nodeBlocks: { size: 16 } }, OPERATOR);
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    await lease(harness, "h2", { network: ov });
    const h2 = listen(harness, "h2");
    expect(h2.news()).toEqual(["network ov", "network web", "block 10.30.0.128/28", "synced"]);
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    expect(h2.news()).toEqual(["endpoint b 10.30.0.3 @1", "remote a 10.30.0.2 via 192.0.2.1"]);
  });

  test("says nothing when an endpoint only changes its phase", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    const [h1, h2] = [listen(harness, "h1"), listen(harness, "h2")];
    h1.news();
    h2.news();
    await harness.report("h1", "a", 1, ["binding", "wired", "active"]);
    expect([h1.news(), h2.news()]).toEqual([[], []]);
  });

  test("begins with everything that the node needs", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    expect(listen(harness, "h1").news()).toEqual([
      "network ov",
      "network web",
      "endpoint a 10.30.0.2 @1",
      "remote b 10.30.0.3 via 192.0.2.2",
      "synced",
    ]);
  });

  test("follows a claim that moves: the old node loses it, others learn the new place first", async () => {
    await using harness = await cluster();
    await harness.claim("ov", "db");
    await harness.reserve("h1", { endpoint: "a1", network: "ov", identity: "db" });
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    await harness.node("h4", "192.0.2.4");
    const [h1, h2] = [listen(harness, "h1"), listen(harness, "h2")];
    h1.news();
    h2.news();
    await harness.engine.nouns.claims.move(
      claimName("ov", "db"),
      { force: true, reason: "repair", node: undefined },
      OPERATOR,
    );
    expect(h1.news()).toEqual(["endpoint-gone a1: repair", "remote-gone b"]);
    expect(h2.news()).toEqual(["remote-gone a1"]);
    await harness.reserve("h4", { endpoint: "a2", network: "ov", identity: "db" });
    expect(h2.news()).toEqual(["remote a2 10.30.0.2 via 192.0.2.4"]);
    await harness.report("h4", "a2", 2, ["binding", "wired", "active", "detaching", "detached"]);
    await harness.reserve("h1", { endpoint: "a3", network: "ov", identity: "db" });
    expect(h2.news()).toEqual(["remote a3 10.30.0.2 via 192.0.2.1", "remote-gone a2"]);
  });

  test("follows a node's tunnel address, also when it comes and goes", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    const h1 = listen(harness, "h1");
    h1.news();
    await harness.node("h2", "192.0.2.22");
    await harness.node("h2");
    await harness.node("h2", "192.0.2.2");
    expect(h1.news()).toEqual([
      "remote b 10.30.0.3 via 192.0.2.22",
      "remote-gone b",
      "remote b 10.30.0.3 via 192.0.2.2",
    ]);
  });

  test("tells of a replaced endpoint without taking the others away", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "ov" });
    await harness.reserve("h2", { endpoint: "b", network: "ov" });
    const h1 = listen(harness, "h1");
    h1.news();
    await harness.reports("h1", [{ endpoint: "a2", epoch: 1, transitions: [], replaces: "a" }]);
    expect(h1.news()).toEqual(["endpoint a2 10.30.0.2 @1", "endpoint-gone a: released"]);
  });

  test("reminds a node of an endpoint that it never attached", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "web" });
    const h1 = listen(harness, "h1");
    h1.news();
    await harness.advance(250_000);
    await harness.node("h1");
    await harness.advance(50_000);
    expect(h1.news().filter((line) => line !== "beat")).toEqual(["endpoint a 10.20.0.2 @1"]);
  });

  test("sends a sign of life when there is no news", async () => {
    await using harness = await cluster();
    const h1 = listen(harness, "h1");
    h1.news();
    await harness.advance(5000);
    expect(h1.news()).toEqual(["beat"]);
  });

  test("cuts off a reader that does not read, and forgets it", async () => {
    await using harness = await cluster();
    const stuck = new Writable({ highWaterMark: 1, write: () => {} });
    const { feeds } = harness.engine.nouns;
    feeds.open(Name.parse("h1"), stuck);
    expect(feeds.connections).toBe(1);
    // 64 subnets make a message of some 3 kB; every change of the MTU sends it again.
    const subnets = Array.from({ length: 64 }, (_, index) => ({ prefix: `10.99.${index}.0/24` }));
    await harness.network("big", { subnets });
    for (let index = 0; index < 5000 && !stuck.destroyed; index++) {
      await harness.engine.nouns.networks.update(TENANT, Name.parse("big"), { mtu: 1400 + (index % 2) }, OPERATOR);
    }
    expect(stuck.destroyed).toBe(true);
    await harness.advance(0);
    expect(feeds.connections).toBe(0);
    expect(String(harness.engine.metrics)).toContain("holdfast_controller_feeds_dropped_total 1\n");
  });
});
