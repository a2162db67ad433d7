import { PassThrough } from "node:stream";
import { IpAddress, Name } from "@holdfast/core";
import type { NodeFeedMessage } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { lease, reportMade, WEB } from "../testing/block-harness.ts";
import { type EngineHarness, OPERATOR, startEngine } from "../testing/engine-harness.ts";

const [H1, H2, H3] = [Name.parse("h1"), Name.parse("h2"), Name.parse("h3")];

/** What a node is told of other nodes, since it was asked last. */
function listen(harness: EngineHarness, node: Name): () => string[] {
  const output = new PassThrough();
  harness.engine.nouns.feeds.open(node, output);
  return () => {
    let text = "";
    for (let chunk = output.read(); chunk !== null; chunk = output.read()) text += String(chunk);
    const lines = text.split("\n").filter((line) => line !== "");
    return lines.flatMap((line) => note(JSON.parse(line)) ?? []);
  };
}

function note(message: NodeFeedMessage): string | undefined {
  switch (message.kind) {
    case "remote":
      return `${message.remote.id} ${message.remote.addresses.join(",")} via ${message.remote.via?.join(",")}`;
    case "remote-gone":
      return `${message.id} gone`;
    case "remote-block":
      return `${message.block.prefix} via ${message.block.via.join(",")}`;
    case "remote-block-gone":
      return "block gone";
    default:
      return undefined;
  }
}

async function report(harness: EngineHarness, name: Name, addresses: readonly string[]): Promise<void> {
  const known = addresses.map((address) => IpAddress.parse(address));
  await harness.engine.nouns.nodes.report(name, { version: "1.0", labels: {}, addresses: known });
}

/** Routed networks `web` (with blocks) and `db` of one tenant; h1 to h3, of which h3 has no address. */
async function cluster(): Promise<EngineHarness> {
  const harness = await startEngine();
  const subnets = [{ prefix: "10.20.0.0/24" }];
  await harness.network("web", { kind: "routed", subnets, nodeBlocks: { size: 16 }, cooldownSeconds: 0 });
  await harness.network("db", { kind: "routed", subnets: [{ prefix: "10.21.0.0/24" }], cooldownSeconds: 0 });
  await report(harness, H1, ["192.0.2.1", "2001:db8::1"]);
  await report(harness, H2, ["192.0.2.2"]);
  await report(harness, H3, []);
  return harness;
}

describe("where routed endpoints are", () => {
  test("is told to nodes that have anything of the tenant's routed networks, and to no other", async () => {
    await using harness = await cluster();
    const [h1, h2, h3] = [listen(harness, H1), listen(harness, H2), listen(harness, H3)];
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    expect([h1(), h2(), h3()]).toEqual([[], [], []]);
    await harness.reserve("h2", { endpoint: "b", network: "web" });
    expect(h1()).toEqual(["b 10.20.0.1 via 192.0.2.2"]);
    expect(h2()).toEqual(["a 10.21.0.1 via 192.0.2.1,2001:db8::1"]);
    expect(listen(harness, H1)()).toEqual(["b 10.20.0.1 via 192.0.2.2"]);
    await harness.report("h2", "b", 1, ["released"]);
    expect([h1(), h2(), h3()]).toEqual([["b gone"], ["a gone"], []]);
  });

  test("of a node without an address is nowhere until it has one", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    const h1 = listen(harness, H1);
    await harness.reserve("h3", { endpoint: "c", network: "db" });
    expect(h1()).toEqual(["c gone"]);
    await report(harness, H3, ["192.0.2.3"]);
    expect(h1()).toEqual(["c 10.21.0.2 via 192.0.2.3"]);
  });

  test("is one route for a node's block, whatever comes and goes in it", async () => {
    await using harness = await cluster();
    const h1 = listen(harness, H1);
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    const block = await lease(harness, "h2");
    expect(h1()).toEqual([`${block.prefix} via 192.0.2.2`]);
    const address = String(block.ranges[0]?.first);
    await reportMade(harness, "h2", "m1", address, ["reserved", "binding", "wired"]);
    expect(harness.getClaim("web", "ephemeral/m1")).toMatchObject({ addresses: [address] });
    expect(h1()).toEqual([]);
    expect(listen(harness, H1)()).toEqual([`${block.prefix} via 192.0.2.2`]);
    await harness.report("h2", "m1", 1, ["detaching", "detached", "released"]);
    expect(h1()).toEqual([]);
  });

  test("is a route of its own for an endpoint that has left its block's node, and for one whose block is gone", async () => {
    await using harness = await cluster();
    const h1 = listen(harness, H1);
    const block = await lease(harness, "h2");
    const address = String(block.ranges[0]?.first);
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    await reportMade(harness, "h2", "m1", address, ["reserved", "binding", "wired"]);
    h1();
    const { tenant, network, prefix } = block;
    await harness.engine.nouns.blocks.reclaim({ tenant, network, prefix }, { force: true }, OPERATOR);
    expect(h1()).toEqual([`m1 ${address} via 192.0.2.2`, "block gone"]);
    await harness.report("h2", "m1", 1, ["detaching", "detached", "released"]);
    expect(h1()).toEqual(["m1 gone"]);
  });

  test("takes a node with nothing but a block for one that needs to know", async () => {
    await using harness = await cluster();
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    const h2 = listen(harness, H2);
    const { tenant, network, prefix, lease: id } = await lease(harness, "h2");
    expect(h2()).toEqual(["a 10.21.0.1 via 192.0.2.1,2001:db8::1"]);
    await harness.engine.nouns.blocks.giveBack(H2, { tenant, network, prefix, lease: id, resting: [] });
    expect(h2()).toEqual(["a gone"]);
  });

  test("is nothing to other tenants", async () => {
    await using harness = await cluster();
    const red = Name.parse("red");
    await harness.engine.nouns.tenants.create({ name: red, labels: {} }, OPERATOR);
    const body = { ...(await harness.network("none", { kind: "routed", subnets: [] })), name: WEB };
    await harness.engine.nouns.networks.create(red, body, OPERATOR);
    await harness.reserve("h1", { endpoint: "a", network: "db" });
    const [h1, h2] = [listen(harness, H1), listen(harness, H2)];
    await harness.engine.nouns.subnets.add(red, WEB, { prefix: "10.40.0.0/24", ranges: [], exclusions: [] } as never, {
      actor: "operator",
    });
    await harness.reserve("h2", { endpoint: "r", tenant: "red", network: "web" });
    expect([h1(), h2()]).toEqual([[], []]);
  });
});
