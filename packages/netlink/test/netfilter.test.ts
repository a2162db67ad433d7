import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { promisify } from "node:util";
import { Cidr, IpAddress } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createNetfilter, deleteNamespace, type Netfilter, type Removal, type SetChange } from "../src/index.ts";
import { createTestNamespace, type TestNamespace } from "../src/testing/index.ts";

const run = promisify(execFile);

describe("netfilter of a namespace", () => {
  let namespace: TestNamespace;
  let netfilter: Netfilter;

  const inside = async (program: string, ...args: string[]) =>
    (await run("nsenter", [`--net=${namespace.path}`, "--", program, ...args])).stdout;
  const nft = (text: string) => inside("nft", text);

  beforeEach(async () => {
    namespace = await createTestNamespace();
    netfilter = await createNetfilter(namespace.path);
    await nft(
      "add table inet t; add map inet t m { type ifname : verdict; }; add chain inet t a/b; add chain inet t c",
    );
  });
  afterEach(async () => {
    netfilter.close();
    await deleteNamespace(namespace.path);
  });

  test.each([
    { family: "v4", members: ["0.0.0.0/5", "11.0.0.0/32", "11.0.0.1/32", "255.255.255.255/32"] },
    { family: "v4", members: ["0.0.0.0/0"] },
    { family: "v6", members: ["::/3", "fd00:20::/32", "fd00:21::/64", "fd00:21:0:1::7/128", "ff00::/8"] },
  ] as const)("has sets of prefixes that nft prints and that come back: $members", async ({ family, members }) => {
    const prefixes = members.map((each) => Cidr.parse(each));
    netfilter.change("t", [
      { kind: "create", set: "group/x", family, of: "prefixes" },
      { kind: "create", set: "group/x", family, of: "prefixes" },
      { kind: "add", set: "group/x", prefixes },
      { kind: "add", set: "group/x", prefixes },
    ]);
    expect(netfilter.readPrefixes("t", "group/x", family)).toEqual(prefixes);
    expect(await nft("list set inet t group/x")).toContain((members.at(-1) ?? "").replace(/\/(32|128)$/, ""));
    netfilter.change("t", [{ kind: "remove", set: "group/x", prefixes: prefixes.slice(1) }]);
    expect(netfilter.readPrefixes("t", "group/x", family)).toEqual(prefixes.slice(0, 1));
    netfilter.change("t", [{ kind: "clear", set: "group/x" }]);
    expect(netfilter.readPrefixes("t", "group/x", family)).toEqual([]);
    netfilter.change("t", [{ kind: "delete", set: "group/x" }]);
    expect(netfilter.readTable("t")?.sets).toEqual(new Set(["m"]));
  });

  test.each([
    { family: "v4", members: ["10.0.0.1", "255.255.255.255"] },
    { family: "v6", members: ["::1", "fd00:20::6"] },
  ] as const)(
    "has sets of single addresses that nft prints and that come back: $members",
    async ({ family, members }) => {
      const addresses = members.map(IpAddress.parse);
      netfilter.change("t", [
        { kind: "create", set: "group/x", family, of: "addresses" },
        { kind: "add", set: "group/x", addresses },
        { kind: "add", set: "group/x", addresses },
      ]);
      expect(netfilter.readAddresses("t", "group/x").toSorted()).toEqual(addresses.toSorted());
      for (const member of members) expect(await nft("list set inet t group/x")).toContain(member);
      netfilter.change("t", [{ kind: "remove", set: "group/x", addresses: addresses.slice(1) }]);
      expect(netfilter.readAddresses("t", "group/x")).toEqual(addresses.slice(0, 1));
      netfilter.change("t", [{ kind: "clear", set: "group/x" }]);
      expect(netfilter.readAddresses("t", "group/x")).toEqual([]);
    },
  );

  test("tells what others take out, and nothing of its own", async () => {
    const prefixes = [Cidr.parse("10.0.0.0/24"), Cidr.parse("10.0.2.0/24")];
    netfilter.change("t", [
      { kind: "create", set: "s", family: "v4", of: "prefixes" },
      { kind: "add", set: "s", prefixes },
    ]);
    const heard: (Removal | "overrun")[] = [];
    const stop = new AbortController();
    const watching = (async () => {
      for await (const removal of netfilter.removals(stop.signal)) heard.push(removal);
    })();
    netfilter.change("t", [{ kind: "remove", set: "s", prefixes: prefixes.slice(1) }]);
    netfilter.change("t", [{ kind: "clear", set: "s" }]);
    await nft("add chain inet t d; delete chain inet t c");
    await expect.poll(() => heard).toEqual([{ table: "t", part: "chain", name: "c" }]);
    stop.abort();
    await watching;
  });

  test("takes 100,000 members, and one more, in transactions that are all or nothing", () => {
    const prefixes = Array.from({ length: 100_000 }, (_, index) =>
      Cidr.host(IpAddress.fromV4Number(0x0a00_0000 + 2 * index)),
    );
    netfilter.change("t", [
      { kind: "create", set: "big", family: "v4", of: "prefixes" },
      { kind: "add", set: "big", prefixes },
    ]);
    expect(netfilter.readPrefixes("t", "big", "v4")).toHaveLength(100_000);
    const absent: SetChange = { kind: "remove", set: "big", prefixes: [Cidr.parse("99.0.0.0/8")] };
    const one: SetChange = { kind: "add", set: "big", prefixes: [Cidr.parse("98.0.0.0/8")] };
    expect(() => netfilter.change("t", [one, absent])).toThrow("cannot remove set big in table t");
    expect(netfilter.readPrefixes("t", "big", "v4")).toHaveLength(100_000);
  });

  test("leads interfaces to chains, and from one to another in one step", () => {
    netfilter.change("t", [
      { kind: "lead", map: "m", link: "hfr1", chain: "a/b" },
      { kind: "lead", map: "m", link: "hfr2", chain: "c" },
    ]);
    netfilter.change("t", [
      { kind: "unlead", map: "m", link: "hfr1" },
      { kind: "lead", map: "m", link: "hfr1", chain: "c" },
      { kind: "unlead", map: "m", link: "hfr2" },
    ]);
    expect(netfilter.readTargets("t", "m")).toEqual(new Map([["hfr1", "c"]]));
    expect(() => netfilter.change("t", [{ kind: "lead", map: "m", link: "x", chain: "none" }])).toThrow(
      "lead x in map m",
    );
  });

  test("says what a table has", async () => {
    expect(netfilter.readTable("none")).toBeUndefined();
    await nft('add rule inet t c accept comment "why"; add rule inet t c drop; add counter inet t n/1');
    expect(netfilter.readTable("t")).toEqual({
      chains: new Map([
        ["a/b", { rules: 0 }],
        ["c", { rules: 2, comment: "why" }],
      ]),
      sets: new Set(["m"]),
      counters: new Set(["n/1"]),
    });
    expect(netfilter.readCounters("t")).toEqual([{ name: "n/1", packets: 0, bytes: 0 }]);
  });

  test("lists connections by their ends, behind translation, and marks them", async () => {
    expect(netfilter.countConnections()).toBe(0);
    await inside("ip", "link", "set", "lo", "up");
    await nft(
      "add chain inet t out { type nat hook output priority -100; }; add rule inet t out udp dport 53 dnat ip to 127.0.0.2:5353",
    );
    const sender = spawn("nsenter", [
      `--net=${namespace.path}`,
      "--",
      process.execPath,
      "-e",
      'const s=require("dgram").createSocket("udp4");s.bind(4000,()=>s.send("?",53,"127.0.0.1",()=>s.close()))',
    ]);
    await once(sender, "exit");
    const [source, destination] = [IpAddress.parse("127.0.0.1"), IpAddress.parse("127.0.0.2")];
    const expected = { source, destination, protocol: 17, sourcePort: 4000, destinationPort: 5353, mark: 0 };
    expect(netfilter.countConnections()).toBe(1);
    expect(netfilter.listConnections({ source })).toMatchObject([expected]);
    expect(netfilter.listConnections({ destination })).toMatchObject([expected]);
    expect(netfilter.listConnections({ source: destination })).toEqual([]);
    netfilter.markConnections(netfilter.listConnections(), 6, 6);
    netfilter.markConnections(netfilter.listConnections(), 0, 2);
    expect(netfilter.listConnections()).toMatchObject([{ ...expected, mark: 4 }]);
  });
});
