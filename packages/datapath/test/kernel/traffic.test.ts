import { Cidr } from "@holdfast/core";
import type { KernelEvent } from "@holdfast/netlink";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ip, on } from "../../src/testing/parties.ts";
import { createSandbox } from "../fabric.ts";
import { Probe, Traffic } from "../traffic.ts";
import { NETWORKS, type Placed, World, wiring } from "./world.ts";

const signal = AbortSignal.timeout(100_000);

describe("endpoints of routed networks", () => {
  let world: World;
  let a: Placed;
  let b: Placed;
  let sister: Placed;
  let rival: Placed;
  let far: Placed;

  beforeAll(async () => {
    world = await World.start();
    a = await world.place(0, wiring("a", "n7", ["10.20.0.5", "fd00:20::5"]));
    b = await world.place(0, wiring("b", "n7", ["10.20.0.6", "fd00:20::6"]));
    sister = await world.place(0, wiring("sister", "n8", ["10.21.0.5"]));
    rival = await world.place(0, wiring("rival", "n9", ["10.30.0.5", "fd00:30::5"]));
    far = await world.place(1, wiring("far", "n7", ["10.20.0.7"]));
  });
  afterAll(() => world[Symbol.asyncDispose]());

  describe("reach", () => {
    test.each([
      { whom: "a neighbour over IPv4", address: "10.20.0.6" },
      { whom: "a neighbour over IPv6", address: "fd00:20::6" },
      { whom: "another network of their tenant", address: "10.21.0.5" },
      { whom: "an endpoint on another machine", address: "10.20.0.7" },
      { whom: "their machine", address: "192.168.50.11" },
      { whom: "another machine", address: "192.168.50.12" },
    ])("$whom", async ({ address }) => {
      expect(await a.sandbox.ping(address)).toBe(2);
    });

    test("are reached by their machine and by others, by which they are known with these addresses", async () => {
      expect(await world.hosts[0].machine.sandbox.ping("10.20.0.5")).toBe(2);
      expect(await world.hosts[0].machine.sandbox.ping("fd00:20::5")).toBe(2);
      expect(await world.hosts[1].machine.sandbox.ping("10.20.0.5")).toBe(2);
      const source = await world.hosts[0].machine.sandbox.exec("ip", "route", "get", "10.20.0.5");
      expect(source).toContain("src 192.168.50.11");
    });

    test("see their packets' fragments and sizes through", async () => {
      expect(await a.sandbox.exec("ping", "-c", "1", "-W", "1", "-s", "4000", "10.20.0.7")).toContain("1 received");
    });
  });

  describe("do not reach", () => {
    test.each(["10.30.0.5", "fd00:30::5"])("another tenant's at %s", async (address) => {
      expect(await a.sandbox.ping(address, 1)).toBe(0);
      expect(await world.hosts[0].machine.sandbox.ping(address, 1)).toBe(1);
    });

    test("another tenant's from another machine", async () => {
      expect(await rival.sandbox.ping("10.20.0.7", 1)).toBe(0);
      expect(await rival.sandbox.ping("192.168.50.12", 1)).toBe(1);
    });

    test.each([
      { from: "10.20.0.99/32", to: "10.20.0.5" },
      { from: "10.20.0.6/32", to: "10.20.0.5" },
      { from: "fd00:20::99/128", to: "fd00:20::5" },
      { from: "fd00:20::6/128", to: "fd00:20::5" },
    ])("anybody from $from, which is not theirs", async ({ from, to }) => {
      const [address = ""] = from.split("/");
      const family = address.includes(":") ? "ip6" : "ip";
      const link = { link: sister.port.containerInterface, ...on(from) };
      await a.sandbox.exec(
        "nft",
        `add table inet seen; add chain inet seen incoming { type filter hook prerouting priority -400; }`,
      );
      await a.sandbox.exec("nft", `add rule inet seen incoming ${family} saddr ${address} counter`);
      await sister.sandbox.kernel.replaceAddress(link);
      await sister.sandbox
        .exec("ping", "-n", "-q", "-c", "3", "-i", "0.1", "-W", "0.3", "-I", address, to)
        .catch(() => "");
      await sister.sandbox.kernel.deleteAddress(link);
      expect(await a.sandbox.exec("nft", "list", "chain", "inet", "seen", "incoming")).toContain("counter packets 0 ");
      await a.sandbox.exec("nft", "delete", "table", "inet", "seen");
    });
  });

  test("have a gateway that nobody else finds on the machine's links", async () => {
    const outside = await createSandbox();
    const { kernel } = world.hosts[0].machine;
    await kernel.createVeth({ name: "lan", peer: "lanx", mtu: 1500, up: true });
    await kernel.setLink("lanx", { namespace: outside.path });
    await outside.kernel.replaceAddress({ link: "lanx", ...on("169.254.1.2/16") });
    await outside.kernel.setLink("lanx", { up: true });
    expect(await outside.ping("169.254.1.1", 1)).toBe(0);
    expect(await outside.exec("ip", "neigh", "show", "169.254.1.1")).not.toContain("lladdr");
    await kernel.deleteLink("lan");
    await outside[Symbol.asyncDispose]();
  });

  test("publish ports to others, to their machine's loopback, and to themselves", async () => {
    const ports = [{ protocol: "tcp" as const, hostPort: 8080, containerPort: 7100 }];
    const { sandbox } = await world.place(0, wiring("web", "n7", ["10.20.0.8"], { ports }));
    await using server = Traffic.start(sandbox.path, "tcp-serve", "0.0.0.0", 7100);
    await server.next();
    const [one, two] = world.hosts.map(({ machine }) => machine.path);
    for (const [from, to] of [
      [two, "192.168.50.11"],
      [one, "192.168.50.11"],
      [one, "127.0.0.1"],
      [sandbox.path, "192.168.50.11"],
      [a.sandbox.path, "192.168.50.11"],
      [rival.sandbox.path, "192.168.50.11"],
    ]) {
      await using client = Traffic.start(from ?? "", "tcp-send", to ?? "", 8080, 65_536);
      const answer = await client.next().catch(() => "none");
      expect([from, to, answer]).toEqual([from, to, expect.objectContaining({ right: true, bytes: 65_536 })]);
    }
    await world.hosts[0].driver.detach("web", signal);
    world.hosts[1].driver.removeRemote("web");
  });

  test("lose no packet when the agent is restarted, and the kernel hears of no change", async () => {
    const { machine } = world.hosts[0];
    const heard: KernelEvent[] = [];
    const ended = new AbortController();
    const listening = (async () => {
      for await (const event of machine.kernel.watch(ended.signal)) heard.push(event);
    })();
    await using probe = await Probe.start(far.sandbox.path, { path: a.sandbox.path, address: "10.20.0.5" });
    const own = [a, b, sister, rival].map((each) => each.wiring);
    await world.restart(0, own, [{ ...remoteOf(far), tunnelAddress: ip("192.168.50.12") }]);
    const { lost, sent } = await probe.finish();
    ended.abort();
    await listening;
    expect(sent).toBeGreaterThan(20);
    expect(lost).toBe(0);
    const changes = heard.filter(({ kind }) => kind === "link" || kind === "address" || kind === "link-gone");
    expect(changes).toEqual([]);
    expect(heard.filter(({ kind }) => kind === "route")).toEqual([]);
    expect(heard.filter((event) => event.kind === "neighbour" && event.neighbour.state === "permanent")).toEqual([]);
  });

  test.each([
    { what: "a route", command: ["ip", "route", "del", "10.20.0.5/32"] },
    { what: "an IPv6 route", command: ["ip", "-6", "route", "del", "fd00:20::5/128"] },
    {
      what: "a neighbour",
      command: ["sh", "-c", "ip neigh del 10.20.0.5 dev $(ip -o route show 10.20.0.5 | grep -o 'hfr[0-9]*')"],
    },
    { what: "the gateway's address", command: ["ip", "addr", "del", "169.254.1.1/32", "dev", "lo"] },
  ])("get $what back that somebody has removed", async ({ command: [program = "", ...args] }) => {
    const { sandbox } = world.hosts[0].machine;
    const state = async () => [
      await sandbox.exec("ip", "route", "show", "proto", "253"),
      await sandbox.exec("ip", "-6", "route", "show", "proto", "253"),
      await sandbox.exec("sh", "-c", "ip neigh show nud permanent | sort"),
      await sandbox.exec("ip", "addr", "show", "dev", "lo"),
    ];
    const before = await state();
    await sandbox.exec(program, ...args);
    await expect.poll(state, { timeout: 5000 }).toEqual(before);
  });

  test("have no neighbours at addresses of their block that nobody has: who asks for these is told, and nothing goes around", async () => {
    const [one, two] = world.hosts;
    for (const host of [one, two]) {
      const [via, back] = host === one ? [two.address, "10.20.0.0/28"] : [one.address, "10.99.0.0/28"];
      await host.machine.sandbox.exec("ip", "route", "add", "default", "via", via);
      host.driver.setOwnBlock({ id: "own", prefix: Cidr.parse(back) });
    }
    two.driver.setRemoteBlock({ id: "b-1", network: "n7", prefix: Cidr.parse("10.20.0.0/28"), via: [ip(one.address)] });
    const ask = async ({ sandbox }: Placed, address: string) =>
      await sandbox.exec("sh", "-c", `ping -n -c 1 -W 1 ${address}; true`);
    await expect.poll(() => ask(far, "10.20.0.9"), { timeout: 5000 }).toMatch(/Destination Host Unreachable/);
    expect(await ask(a, "10.20.0.9")).toMatch(/Destination Host Unreachable/);
    expect(await ask(far, "10.20.0.5")).toContain("1 received");
    // As far as the machine goes; a restarted agent finds it, and one that is not told of the block any more removes it.
    const routes = () => one.machine.sandbox.exec("ip", "route", "show", "type", "unreachable");
    expect((await routes()).trim()).toBe("unreachable 10.20.0.0/28 proto 253");
    await one.machine.sandbox.exec("ip", "route", "del", "unreachable", "10.20.0.0/28");
    await expect
      .poll(async () => (await routes()).trim(), { timeout: 5000 })
      .toBe("unreachable 10.20.0.0/28 proto 253");
    const own = [a, b, sister, rival].map((each) => each.wiring);
    await world.restart(0, own, [{ ...remoteOf(far), tunnelAddress: ip("192.168.50.12") }]);
    await expect.poll(routes, { timeout: 5000 }).toBe("");
    two.driver.removeOwnBlock("own");
    two.driver.removeRemoteBlock("b-1");
    for (const { machine } of world.hosts) await machine.sandbox.exec("ip", "route", "del", "default");
  });

  test("move to another machine with their address, while others talk to it", async () => {
    await using probe = await Probe.start(b.sandbox.path, { path: a.sandbox.path, address: "10.20.0.5" });
    const [one, two] = world.hosts;
    await one.driver.detach("a", signal);
    const moved = await world.place(1, { ...a.wiring, id: "a2", epoch: 2 });
    two.driver.removeRemote("a");
    await using echo = Traffic.start(moved.sandbox.path, "udp-echo", "-", 7000);
    await echo.next();
    expect(await b.sandbox.ping("10.20.0.5")).toBe(2);
    expect(await moved.sandbox.ping("10.20.0.6")).toBe(2);
    const { longestGapMs } = await probe.finish();
    expect(longestGapMs).toBeLessThan(3000);
    // What the old place says late does not count.
    one.driver.setRemote({ ...remoteOf(a), epoch: 1, tunnelAddress: ip("192.168.50.99") });
    expect(await b.sandbox.ping("10.20.0.5")).toBe(2);
    one.driver.removeRemote("a");
  });

  test("leave nothing when they and their networks are gone", async () => {
    const [one] = world.hosts;
    for (const id of ["b", "sister", "rival"]) await one.driver.detach(id, signal);
    for (const { id } of NETWORKS) one.driver.removeNetwork(id);
    for (const id of ["far", "a2"]) one.driver.removeRemote(id);
    const { sandbox } = one.machine;
    await expect.poll(() => one.machine.rules(), { timeout: 5000 }).not.toContain("holdfast");
    await expect.poll(() => sandbox.exec("ip", "route", "show", "proto", "253"), { timeout: 5000 }).toBe("");
    await expect
      .poll(() => sandbox.exec("ip", "addr", "show", "dev", "lo"), { timeout: 5000 })
      .not.toContain("169.254");
    await expect.poll(() => sandbox.exec("ip", "-br", "link"), { timeout: 5000 }).not.toContain("hfr");
    expect(one.driver.status()).toEqual([]);
  });
});

function remoteOf({ wiring: { id, network, addresses, mac, epoch } }: Placed) {
  return { id, network, addresses: [...addresses], mac, epoch };
}
