import { Cidr, IpAddress } from "@holdfast/core";
import type { Network } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { parseCsv } from "./csv.ts";
import { csvRows } from "./csv-rows.ts";
import { addressIdentity, identityOf } from "./identity.ts";
import { netboxRows } from "./netbox-rows.ts";
import { type Mapping, planImport } from "./plan.ts";

function network(tenant: string, name: string, ...prefixes: string[]): Network {
  const subnets = prefixes.map((prefix) => ({ prefix: Cidr.parse(prefix), ranges: [], exclusions: [] }));
  return { tenant, name, subnets } as unknown as Network;
}

const NETWORKS = [
  network("default", "web", "10.20.0.0/24", "fd00::/64"),
  network("default", "db", "10.30.0.0/24"),
  network("blue", "web", "10.20.0.0/24"),
];
const mapping = (more: Partial<Mapping> = {}): Mapping => ({
  networks: NETWORKS,
  tenant: "default",
  map: new Map(),
  ...more,
});

describe("CSV", () => {
  test("is read with quotes, line breaks in them, other line ends, semicolons and a byte order mark", () => {
    const records = parseCsv('\ufeffa;b\r\n"x;1";"say ""hi""\nthere"\r\n\r\n last ;\n');
    expect(records).toEqual([
      { line: 1, fields: ["a", "b"] },
      { line: 2, fields: ["x;1", 'say "hi"\nthere'] },
      { line: 5, fields: ["last", ""] },
    ]);
  });

  test.for([
    ['a,b\n"x', "line 2: a quote is opened and never closed"],
    ['a\nx"y', "line 2: a quote inside a field"],
    ['a\n"x"y', "line 2: something stands behind a closing quote"],
  ] as const)("%j is refused", ([text, why]) => {
    expect(() => parseCsv(text)).toThrow(why);
  });

  test("gives rows by their titles; a bad row is told with its line and the others go on", () => {
    const file = [
      "IP Address,Name,MAC,Comment,labels",
      "10.20.0.7/24,redis-0,AA-BB-CC-00-11-22,cache,env=prod;tier=cache",
      "10.20.0.8,short",
      "10.20.0.9,x,not-a-mac,,",
      "10.20.0.10,y,,,nonsense",
    ].join("\n");
    const { rows, bad } = csvRows(file);
    expect(rows).toEqual([
      {
        place: "line 2",
        address: "10.20.0.7",
        name: "redis-0",
        labels: { "imported/mac": "aa:bb:cc:00:11:22", "imported/description": "cache", env: "prod", tier: "cache" },
      },
    ]);
    expect(bad.map(({ place, why }) => `${place}: ${why}`)).toEqual([
      "line 3: 2 fields where the first line has 5",
      expect.stringMatching(/^line 4: .*not-a-mac/),
      'line 5: label "nonsense" is not key=value',
    ]);
    expect(() => csvRows("name\nx")).toThrow("line 1: no column is named address; there is name");
    expect(() => csvRows("ip,address\n")).toThrow("two columns are the address");
  });
});

describe("a NetBox export", () => {
  const page = (...results: object[]) => JSON.stringify({ count: results.length, next: null, results });

  test("gives name, tenant, VRF and what is kept as labels", () => {
    const object = {
      id: 1,
      address: "10.20.0.7/24",
      dns_name: "redis-0.example.com",
      description: "cache",
      status: { value: "active", label: "Active" },
      role: null,
      tenant: { id: 3, name: "Blue Team", slug: "blue-team" },
      vrf: { id: 2, name: "prod", rd: null },
      assigned_object: { name: "eth0", device: { name: "rack1-srv7" } },
      tags: [
        { name: "Prod", slug: "prod" },
        { name: "DMZ", slug: "dmz" },
      ],
    };
    expect(netboxRows(page(object)).rows).toEqual([
      {
        place: "result 1",
        address: "10.20.0.7",
        name: "redis-0.example.com",
        network: "prod",
        tenant: "blue-team",
        labels: {
          "imported/description": "cache",
          "imported/status": "active",
          "imported/interface": "eth0",
          "imported/tags": "prod,dmz",
        },
      },
    ]);
  });

  test("names an address after its machine or interface when it has no DNS name", () => {
    const machine = {
      address: "10.20.0.8/24",
      dns_name: "",
      assigned_object: { name: "eth0", virtual_machine: { name: "vm-3" } },
    };
    const plain = { address: "10.20.0.9/24", assigned_object: { name: "vip0" } };
    const nobody = { address: "fd00::9/64", tenant: null, vrf: null, assigned_object: null, tags: [] };
    const { rows, bad } = netboxRows(`[${page(machine, plain)},${page(nobody, { id: 9 })}]`);
    expect(rows.map(({ address, name }) => `${address} ${name}`)).toEqual([
      "10.20.0.8 vm-3",
      "10.20.0.9 vip0",
      "fd00::9 undefined",
    ]);
    expect(bad).toEqual([{ place: "result 4", address: "", why: "it has no address" }]);
    expect(() => netboxRows("<html>")).toThrow("not JSON");
    expect(() => netboxRows("[1]")).toThrow("no address objects of NetBox");
  });
});

describe("the identity that a name becomes", () => {
  test.for([
    ["redis-0", "redis-0"],
    ["redis-0.example.com.", "redis-0.example.com"],
    ["Web Server (old)", "Web-Server-old"],
    ["Zürich/Büro 3", "Zurich/Buro-3"],
    ["/a//b/", "a/b"],
    ["a/b/c/d/e/f/g/h/i", "a/b/c/d/e/f/g/h-i"],
    ["x".repeat(300), "x".repeat(253)],
    ["???", undefined],
  ] as const)("%s", ([name, identity]) => {
    expect(identityOf(name)).toBe(identity);
  });

  test("is the address's own when there is none", () => {
    expect(addressIdentity(IpAddress.parse("10.20.0.7"))).toBe("imported/10.20.0.7");
    expect(addressIdentity(IpAddress.parse("fd00::7"))).toBe("imported/fd00-0-0-0-0-0-0-7");
  });
});

describe("what an import is to do", () => {
  const plan = (csv: string, more: Partial<Mapping> = {}) => planImport(csvRows(csv), mapping(more));
  const claims = (csv: string, more?: Partial<Mapping>) =>
    plan(csv, more).claims.map((one) => `${one.tenant}/${one.network} ${one.identity} ${one.addresses.join("+")}`);
  const whys = (csv: string, more?: Partial<Mapping>) =>
    plan(csv, more).bad.map(({ place, why }) => `${place}: ${why}`);

  test("one claim for a name with an address of each family; more addresses are told apart", () => {
    expect(claims("address,name\n10.20.0.7,a\nfd00::7,a\n10.20.0.8,a\n10.20.0.9,\n")).toEqual([
      "default/web a 10.20.0.7+fd00::7",
      "default/web a/10.20.0.8 10.20.0.8",
      "default/web imported/10.20.0.9 10.20.0.9",
    ]);
  });

  test("each goes where the file says, as mapped, or where its address is covered", () => {
    const csv = "address,tenant,vrf\n10.30.0.5,,\n10.20.0.5,Blue Team,\n10.20.0.6,,prod\n10.20.0.7,blue,\n";
    const map = new Map([
      ["Blue Team", "blue"],
      ["prod", "default/web"],
    ]);
    expect(claims(csv, { tenant: undefined, map }).map((line) => line.split(" ")[0])).toEqual([
      "default/db",
      "blue/web",
      "default/web",
      "blue/web",
    ]);
  });

  test("says of each row what is wrong with it", () => {
    const csv = "address,network\n10.20.0.7,\n10.99.0.1,\nnonsense,\n10.20.0.007,\n10.20.0.7,\n10.20.0.8,lost\n";
    expect(whys(csv)).toEqual([
      "line 3: out of range: no subnet of default/web, default/db covers 10.99.0.1",
      'line 4: not an IP address: "nonsense"',
      'line 5: not an IP address: "10.20.0.007"',
      "line 6: the same address as in line 2",
      "line 7: there is no network lost in tenant default; map it with --map lost=TENANT/NETWORK, or name one with --network",
    ]);
    expect(whys("address\n10.20.0.7\n", { tenant: undefined })).toEqual([
      "line 2: default/web, blue/web cover 10.20.0.7; name one with --network and --tenant",
    ]);
    expect(whys("address,labels\n10.20.0.7,-x=1\n")[0]).toMatch(/^line 2: label "-x": not a label key/);
  });
});
