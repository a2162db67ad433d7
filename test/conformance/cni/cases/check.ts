import assert from "node:assert/strict";
import { Code, type ConformanceCase } from "../conformance-case.ts";
import type { Container } from "../container.ts";
import { type Plugin, VERSIONS } from "../plugin.ts";

/** What happens to a container behind the plugin's back. */
interface Drift {
  readonly id: string;
  readonly title: string;
  readonly happens: (inside: Container) => Promise<unknown>;
}

const drifts: readonly Drift[] = [
  { id: "interface", title: "whose interface was removed", happens: (inside) => inside.ip("link delete eth0") },
  { id: "address", title: "whose address was removed", happens: (inside) => inside.ip("address flush dev eth0") },
  { id: "route", title: "whose default route was removed", happens: removeDefaultRoutes },
  { id: "down", title: "whose interface is down", happens: (inside) => inside.ip("link set eth0 down") },
  { id: "namespace", title: "whose namespace has gone", happens: (inside) => inside.remove() },
];

export const checkCases: readonly ConformanceCase[] = [
  ...VERSIONS.filter((version) => version !== "0.3.1").map(
    (version): ConformanceCase => ({
      id: `check-${version}`,
      title: `CHECK in version ${version} finds nothing wrong after ADD, and prints nothing`,
      run: async ({ plugin, container }) => {
        const inside = await container();
        const prevResult = await plugin.add(inside, { version });
        assert.equal(await plugin.succeed("CHECK", { container: inside, version, config: { prevResult } }), "");
      },
    }),
  ),
  {
    id: "check-0.3.1",
    title: "CHECK in version 0.3.1, which has none, is refused",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const prevResult = await plugin.add(inside, { version: "0.3.1" });
      const codes = [Code.incompatibleVersion, Code.invalidEnvironment];
      await plugin.failWith(codes, "CHECK", { container: inside, version: "0.3.1", config: { prevResult } });
    },
  },
  {
    id: "check-without-result",
    title: "CHECK without prevResult is refused",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside);
      await plugin.fail("CHECK", { container: inside });
    },
  },
  {
    id: "check-deleted",
    title: "CHECK after DEL is an error",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const prevResult = await plugin.add(inside);
      await plugin.del(inside);
      await plugin.fail("CHECK", { container: inside, config: { prevResult } });
    },
  },
  ...drifts.map(({ id, title, happens }): ConformanceCase => {
    const run: ConformanceCase["run"] = async ({ plugin, container }) => {
      const inside = await container();
      const prevResult = await plugin.add(inside);
      await happens(inside);
      await plugin.fail("CHECK", { container: inside, config: { prevResult } });
      await plugin.del(inside);
    };
    return { id: `check-drift-${id}`, title: `CHECK finds a container ${title}, which DEL cleans up`, run };
  }),
  {
    id: "check-others-additions",
    title: "CHECK tolerates what others have added",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const prevResult = await plugin.add(inside);
      await inside.ip("route add 192.0.2.0/24 dev eth0");
      await inside.ip("address add 198.51.100.1/32 dev eth0");
      await plugin.succeed("CHECK", { container: inside, config: { prevResult } });
    },
  },
  {
    id: "check-changes-nothing",
    title: "CHECK repairs nothing",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const prevResult = await plugin.add(inside);
      await inside.ip("address flush dev eth0");
      await callTwice(plugin, inside, prevResult);
      assert.deepEqual(await inside.addresses("eth0"), []);
    },
  },
];

async function callTwice(plugin: Plugin, inside: Container, prevResult: unknown): Promise<void> {
  for (let count = 0; count < 2; count++) await plugin.call("CHECK", { container: inside, config: { prevResult } });
}

async function removeDefaultRoutes(inside: Container): Promise<void> {
  await inside.ip("-4 route flush default");
  await inside.ip("-6 route flush default");
}
