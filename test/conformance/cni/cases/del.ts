import assert from "node:assert/strict";
import type { ConformanceCase } from "../conformance-case.ts";

export const delCases: readonly ConformanceCase[] = [
  {
    id: "del",
    title: "DEL takes the interface away, prints nothing, and leaves nothing",
    run: async ({ plugin, container, withoutRest }) => {
      const inside = await container();
      await withoutRest(async () => {
        const prevResult = await plugin.add(inside);
        assert.equal(await plugin.succeed("DEL", { container: inside, config: { prevResult } }), "");
        assert.ok(
          (await inside.links()).every(({ ifname }) => ifname !== "eth0"),
          "eth0 is there still",
        );
        await inside.hasOnly([]);
      });
    },
  },
  {
    id: "del-twice",
    title: "DEL again is a success",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside);
      await plugin.del(inside);
      await plugin.del(inside);
    },
  },
  {
    id: "del-unknown",
    title: "DEL of what was never added is a success without an effect",
    run: async ({ plugin, container, withoutEffect }) => {
      const inside = await container();
      await withoutEffect(() => plugin.del(inside));
    },
  },
  {
    id: "del-without-namespace",
    title: "DEL without CNI_NETNS is a success, and nothing is left when the namespace has gone",
    run: async ({ plugin, container, withoutRest }) => {
      const inside = await container();
      await withoutRest(async () => {
        await plugin.add(inside);
        await inside.remove();
        await plugin.succeed("DEL", { container: { id: inside.id } });
      });
    },
  },
  {
    id: "del-namespace-gone",
    title: "DEL with a namespace that has gone is a success",
    run: async ({ plugin, container, withoutRest }) => {
      const inside = await container();
      await withoutRest(async () => {
        await plugin.add(inside);
        await inside.remove();
        await plugin.del(inside);
      });
    },
  },
  {
    id: "del-frees-address",
    title: "as many containers as one likes come and go: DEL frees the address",
    run: async ({ plugin, container }) => {
      const inside = await container();
      for (let count = 0; count < 20; count++) {
        await plugin.add(inside);
        await plugin.del(inside);
      }
    },
  },
  {
    id: "del-late",
    title: "a late DEL of a container leaves its successor alone",
    run: async ({ plugin, container }) => {
      const [old, successor] = [await container(), await container()];
      await plugin.add(old);
      await old.remove();
      await plugin.del(old);
      const { ips = [] } = await plugin.add(successor);
      await plugin.del(old);
      assert.deepEqual(
        await successor.addresses("eth0"),
        ips.map(({ address }) => address),
      );
      const other = await plugin.add(await container());
      assert.notEqual(other.ips?.[0]?.address, ips[0]?.address, "the successor's address was given away");
    },
  },
];
