import assert from "node:assert/strict";
import type { CaseStage, ConformanceCase } from "../conformance-case.ts";
import type { Container } from "../container.ts";
import type { Plugin } from "../plugin.ts";

const version = "1.1.0";

export const gcCases: readonly ConformanceCase[] = [
  {
    id: "gc-with-list",
    title: "GC removes what is not in the list and leaves what is",
    run: async (stage) => {
      const [kept, left] = await addTwo(stage);
      const list = [{ containerID: kept.id, ifname: "eth0" }];
      await gc(stage.plugin, { "cni.dev/valid-attachments": list });
      await kept.hasOnly(["eth0"]);
      await left.hasOnly([]);
    },
  },
  {
    id: "gc-empty-list",
    title: "GC with an empty list removes all of this network",
    run: async (stage) => {
      const all = await addTwo(stage);
      await gc(stage.plugin, { "cni.dev/valid-attachments": [] });
      for (const inside of all) await inside.hasOnly([]);
    },
  },
  {
    id: "gc-interface-of-list",
    title: "GC tells interfaces of one container apart",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside);
      await plugin.add(inside, { ifName: "eth1" });
      await gc(plugin, { "cni.dev/valid-attachments": [{ containerID: inside.id, ifname: "eth1" }] });
      await inside.hasOnly(["eth1"]);
      await plugin.del(inside, { ifName: "eth1" });
    },
  },
  {
    id: "gc-without-list",
    title: "GC without a list removes nothing: nobody has said that there is nothing",
    run: async (stage) => {
      const all = await addTwo(stage);
      await gc(stage.plugin, {});
      for (const inside of all) await inside.hasOnly(["eth0"]);
    },
  },
  {
    id: "gc-other-network",
    title: "GC of a network of another name removes nothing",
    run: async (stage) => {
      const all = await addTwo(stage);
      await gc(stage.plugin, { name: `${stage.plugin.name}-2`, "cni.dev/valid-attachments": [] });
      for (const inside of all) await inside.hasOnly(["eth0"]);
    },
  },
  {
    id: "gc-twice",
    title: "GC again is a success",
    run: async ({ plugin }) => {
      await gc(plugin, { "cni.dev/valid-attachments": [] });
      await gc(plugin, { "cni.dev/valid-attachments": [] });
    },
  },
  {
    id: "gc-malformed-list",
    title: "GC with a list that is none removes nothing",
    run: async (stage) => {
      const all = await addTwo(stage);
      await stage.plugin.fail("GC", { version, config: { "cni.dev/valid-attachments": [{ id: 7 }] } });
      for (const inside of all) await inside.hasOnly(["eth0"]);
      await gc(stage.plugin, { "cni.dev/valid-attachments": [] });
    },
  },
  {
    id: "gc-del-after",
    title: "DEL of what GC has removed is a success",
    run: async (stage) => {
      const all = await addTwo(stage);
      await gc(stage.plugin, { "cni.dev/valid-attachments": [] });
      for (const inside of all) await stage.plugin.del(inside);
    },
  },
  {
    id: "gc-1.0.0",
    title: "GC in version 1.0.0, which has none, removes nothing",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside);
      await plugin.fail("GC", { version: "1.0.0", config: { "cni.dev/valid-attachments": [] } });
      await inside.hasOnly(["eth0"]);
    },
  },
];

export const statusCases: readonly ConformanceCase[] = [
  {
    id: "status",
    title: "STATUS is a success and prints nothing",
    run: async ({ plugin, withoutEffect }) => {
      await withoutEffect(async () => {
        assert.equal(await plugin.succeed("STATUS", { version }), "");
      });
    },
  },
  {
    id: "status-1.0.0",
    title: "STATUS in version 1.0.0, which has none, is refused",
    run: async ({ plugin }) => {
      await plugin.fail("STATUS", { version: "1.0.0" });
    },
  },
];

async function addTwo({ plugin, container }: CaseStage): Promise<readonly [Container, Container]> {
  const [first, second] = [await container(), await container()];
  for (const inside of [first, second]) await plugin.add(inside);
  return [first, second];
}

async function gc(plugin: Plugin, config: Readonly<Record<string, unknown>>): Promise<void> {
  assert.equal(await plugin.succeed("GC", { version, config }), "");
}
