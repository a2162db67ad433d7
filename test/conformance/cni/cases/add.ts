import assert from "node:assert/strict";
import type { ConformanceCase } from "../conformance-case.ts";
import type { Container } from "../container.ts";
import { type Result, VERSIONS } from "../plugin.ts";

export const addCases: readonly ConformanceCase[] = [
  ...VERSIONS.map(
    (version): ConformanceCase => ({
      id: `add-${version}`,
      title: `ADD in version ${version} makes what it says, in that version's words`,
      run: async ({ plugin, container }) => {
        const inside = await container();
        const result = await plugin.add(inside, { version });
        assert.equal(result.cniVersion, version);
        checkWords(result, version);
        await checkMade(result, inside);
      },
    }),
  ),
  {
    id: "add-host-interface",
    title: "the result names an interface of the machine beside the container's",
    run: async ({ plugin, container }) => {
      const { interfaces = [] } = await plugin.add(await container());
      assert.ok(
        interfaces.some(({ sandbox = "" }) => sandbox === ""),
        `only ${interfaces.map(({ name }) => name).join(", ")}`,
      );
    },
  },
  {
    id: "add-interface-name",
    title: "the interface has the name that was asked for",
    run: async ({ plugin, container }) => {
      const inside = await container();
      await plugin.add(inside, { ifName: "net1.15-letters" });
      await inside.hasOnly(["net1.15-letters"]);
      await plugin.del(inside, { ifName: "net1.15-letters" });
    },
  },
  {
    id: "add-two-interfaces",
    title: "a container gets two interfaces, and loses one of them",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const first = await plugin.add(inside);
      const second = await plugin.add(inside, { ifName: "eth1" });
      assert.notEqual(first.ips?.[0]?.address, second.ips?.[0]?.address);
      await plugin.del(inside);
      await inside.hasOnly(["eth1"]);
      await plugin.del(inside, { ifName: "eth1" });
    },
  },
  {
    id: "add-name-taken",
    title: "ADD is refused when an interface of that name exists, which is left alone",
    run: async ({ plugin, container, withoutEffect }) => {
      const inside = await container();
      await inside.ip("link add eth0 type veth peer name other");
      const before = await inside.links();
      await withoutEffect(async () => {
        await plugin.fail("ADD", { container: inside });
      });
      assert.deepEqual(await inside.links(), before);
    },
  },
  {
    id: "add-again",
    title: "ADD again is refused or gives the same, and the container keeps what it has",
    run: async ({ plugin, container }) => {
      const inside = await container();
      const first = await plugin.add(inside);
      const { code, stdout } = await plugin.call("ADD", { container: inside });
      if (code === 0) assert.deepEqual(JSON.parse(stdout), first);
      await checkMade(first, inside);
    },
  },
  {
    id: "add-at-once",
    title: "16 ADDs at once give 16 addresses, and 16 DELs at once leave nothing",
    run: async ({ plugin, container, withoutRest }) => {
      const all: Container[] = [];
      for (let count = 0; count < 16; count++) all.push(await container());
      await withoutRest(async () => {
        const results = await Promise.all(all.map((inside) => plugin.add(inside)));
        assert.equal(new Set(results.map(({ ips }) => ips?.[0]?.address)).size, all.length);
        await Promise.all(all.map((inside) => plugin.del(inside)));
      });
    },
  },
];

/** What the versions differ in (CNI 1.1.0, section 5; 0.4.0, section "Result"). */
function checkWords({ interfaces = [], ips = [] }: Result, version: string): void {
  const saysFamily = version === "0.3.1" || version === "0.4.0";
  assert.ok(interfaces.length > 0, "there are no interfaces");
  assert.ok(ips.length > 0, "there are no ips");
  for (const ip of ips) {
    assert.match(ip.address, /^[0-9a-f.:]+\/\d+$/);
    assert.equal(ip.version, saysFamily ? familyOf(ip.address) : undefined, `version of ${ip.address}`);
    assert.ok(interfaces[ip.interface ?? -1] !== undefined, `${ip.address} is on interface ${ip.interface}`);
  }
}

async function checkMade({ interfaces = [], ips = [], routes = [] }: Result, inside: Container): Promise<void> {
  const own = interfaces.find(({ sandbox }) => sandbox === inside.netns);
  assert.equal(own?.name, "eth0", "no interface of the result is eth0 in the sandbox");
  const link = (await inside.links()).find(({ ifname }) => ifname === "eth0");
  assert.ok(link?.flags.includes("UP"), "eth0 is not there or not up");
  assert.equal(own?.mac?.toLowerCase(), link?.address);
  assert.deepEqual([...(await inside.addresses("eth0"))].sort(), ips.map(({ address }) => address).sort());
  const destinations = await inside.destinations();
  for (const { dst } of routes) {
    const shown = dst === "0.0.0.0/0" || dst === "::/0" ? "default" : dst;
    assert.ok(destinations.includes(shown), `the route to ${dst} is not there`);
  }
}

function familyOf(address: string): string {
  return address.includes(":") ? "6" : "4";
}
