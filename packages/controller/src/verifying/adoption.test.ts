import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { settled, startEngine } from "../testing/engine-harness.ts";
import { ReportingNode } from "../testing/reporting-node.ts";

const running = (id: string, address: string) => ({
  ...{ tenant: "default", network: "web", identity: `ephemeral/${id}`, epoch: 1, ephemeral: true },
  ...{ addresses: [address], mac: MacAddress.ofAddress(IpAddress.parse(address), 100) },
  workload: { runtime: "docker", endpoint: `docker-${id}` },
});

/** A node that connects again, and has said what it has. */
async function reconnected(prepare: (h1: ReportingNode) => void) {
  const harness = await startEngine();
  await harness.network("web");
  await harness.claim("web", "a");
  const h1 = await ReportingNode.start(harness, "h1");
  prepare(h1);
  harness.engine.nouns.inventories.reset(h1.name);
  h1.tell(harness.engine.platform.state.revision);
  await settled(harness.engine);
  return { harness, h1, [Symbol.asyncDispose]: () => harness[Symbol.asyncDispose]() };
}

describe("a node that connects", () => {
  test("has what runs recorded at once, and nobody else gets its address", async () => {
    await using world = await reconnected((h1) => h1.has("e7", running("e7", "10.20.0.3")));
    const { harness } = world;
    expect(harness.getClaim("web", "ephemeral/e7")).toMatchObject({
      addresses: ["10.20.0.3"],
      retention: { kind: "ephemeral" },
      binding: { node: "h1", endpoint: "e7" },
    });
    expect((await harness.claim("web", "b")).addresses).toEqual(["10.20.0.4"]);
  });

  test("has it recorded with the labels that its runtime says", async () => {
    const labels = { app: "web" };
    await using world = await reconnected((h1) => h1.has("e7", { ...running("e7", "10.20.0.3"), labels }));
    expect(world.harness.getClaim("web", "ephemeral/e7")).toMatchObject({ labels: {}, runtimeLabels: labels });
  });

  test("does not have recorded what has ended since it said so", async () => {
    await using world = await reconnected((h1) => {
      h1.has("e7", running("e7", "10.20.0.3"));
      h1.whenAsked = () => {
        h1.endpoints.clear();
        h1.has("e8", running("e8", "10.20.0.4"));
      };
    });
    expect(world.h1.asked).toBe(1);
    expect(world.harness.engine.platform.state.endpoints.size).toBe(0);
  });

  test("takes nothing from others, and is asked no more for what cannot be recorded", async () => {
    await using world = await reconnected((h1) => h1.has("e7", running("e7", "10.20.0.2")));
    expect(world.h1.asked).toBe(0);
    expect(world.harness.getClaim("web", "a").binding).toBeUndefined();
    expect(world.h1.toldGone).toEqual([]);
  });

  test("that says so again, asked or not, has the rest looked at by verification only", async () => {
    await using world = await reconnected(() => undefined);
    const { harness, h1 } = world;
    h1.has("e7", running("e7", "10.20.0.3"));
    h1.tell(harness.engine.platform.state.revision);
    await settled(harness.engine);
    expect(harness.engine.platform.state.endpoints.size).toBe(0);
  });
});
