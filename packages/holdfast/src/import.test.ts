import { describe, expect, test } from "vitest";
import { startStage } from "./testing/stage.ts";

/** A network, and these files. */
async function stage(files: Readonly<Record<string, string>>) {
  const stage = await startStage(files);
  await stage.run("network create web --kind vlan --subnet 10.20.0.0/24 --subnet fd00:20::/64");
  return stage;
}

const HOSTS = `address,name,mac,description
10.20.0.1,gateway,,
10.20.0.7/24,redis-0,aa:bb:cc:00:11:22,cache
fd00:20::7,redis-0,,
10.20.0.8,Web Server 3,,
10.20.0.9,,,printer
`;
const CONFLICTS = `address,name
10.20.0.7,thief
10.20.0.20,fine
10.99.0.1,outside
10.20.0.21,a
10.20.0.21,b
nonsense,x
`;

describe("importing an address book", () => {
  test("makes reserved claims, writes down from where, and changes nothing the second time", async () => {
    await using world = await stage({ "/home/op/hosts.csv": HOSTS });
    const trial = await world.run("ip import /home/op/hosts.csv --dry-run");
    expect(trial.code).toBe(0);
    expect(trial.screen).toMatch(/line 3, line 4 +10.20.0.7,fd00:20::7 +redis-0 +default\/web +would be imported/);
    expect(trial.screen).toContain("3 would be imported, 1 unchanged\n");
    expect(await world.claims()).toEqual([]);
    const { code, screen } = await world.run("ip import /home/op/hosts.csv");
    expect({ code, screen }).toEqual({ code: 0, screen: "3 imported, 1 unchanged\n" });
    expect(await world.claims()).toMatchObject([
      { identity: "Web-Server-3", addresses: ["10.20.0.8"] },
      {
        identity: "imported/10.20.0.9",
        labels: { "imported/description": "printer" },
        retention: { kind: "reserved" },
      },
      { identity: "redis-0", addresses: ["10.20.0.7", "fd00:20::7"], labels: { "imported/mac": "aa:bb:cc:00:11:22" } },
    ]);
    expect((await world.run("ip explain 10.20.0.7")).screen).toMatch(/imported +redis-0 +- +operator +from hosts.csv/);
    const before = await world.entries();
    expect((await world.run("ip import /home/op/hosts.csv")).screen).toBe("0 imported, 4 unchanged\n");
    expect(await world.entries()).toBe(before);
  });

  test("with conflicts changes nothing, says of each row who or what is in the way, and goes on when told to", async () => {
    await using world = await stage({ "more.csv": CONFLICTS });
    await world.run("claim create redis-0 --network web --address 10.20.0.7");
    const before = await world.entries();
    const refused = await world.run("ip import more.csv");
    expect(refused.code).toBe(1);
    expect(refused.screen).toMatch(/line 2 +10.20.0.7 +thief +default\/web +conflict +10.20.0.7 belongs to redis-0\n/);
    expect(refused.screen).toMatch(/line 4 +10.99.0.1 .*out of range: no subnet of default\/web covers 10.99.0.1\n/);
    expect(refused.screen).toMatch(/line 6 +10.20.0.21 .*the same address as in line 5\n/);
    expect(refused.screen).toMatch(/line 7 +nonsense .*not an IP address/);
    expect(refused.screen).toContain(
      "4 of 6 cannot be imported; nothing was imported; --skip-conflicts imports the others",
    );
    expect(await world.entries()).toBe(before);
    const skipped = await world.run("ip import more.csv --skip-conflicts");
    expect(skipped.code).toBe(0);
    expect(skipped.screen).toContain("2 imported, 4 conflict\n");
    expect((await world.claims()).map(({ identity }) => identity)).toEqual(["a", "fine", "redis-0"]);
  });

  test("reads what NetBox exports", async () => {
    const results = [
      {
        address: "10.20.0.30/24",
        dns_name: "db.example.com",
        status: { value: "active" },
        tenant: null,
        vrf: { name: "prod" },
      },
    ];
    await using world = await stage({ "netbox.json": JSON.stringify({ count: 1, results }) });
    expect((await world.run("ip import netbox.json")).screen).toContain("map it with --map prod=TENANT/NETWORK");
    expect((await world.run("ip import netbox.json --map prod=default/web")).screen).toBe("1 imported\n");
    expect(await world.claims()).toMatchObject([
      { identity: "db.example.com", labels: { "imported/status": "active" } },
    ]);
  });
});
