import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DatapathDriver, EndpointWiring } from "../src/driver.ts";
import { ip, network, on, wiring } from "../src/testing/parties.ts";
import { createSandbox, Fabric, Host, type Sandbox } from "./fabric.ts";
import { record } from "./recording.ts";
import { Probe, Traffic } from "./traffic.ts";

const MEBIBYTE = 1024 * 1024;
const signal = AbortSignal.timeout(100_000);

/** A machine that reaches this one over another network than containers'. */
const OUTSIDE = "198.51.100.2";
const MACHINE = "198.51.100.1";

const NETWORKS = [
  network("n7", "vlan", 100),
  network("n8", "vxlan", 4711, { prefixes: ["10.30.0.0/24"] }),
  network("n9", "vxlan", 4712, { tenant: "rival", prefixes: ["10.30.0.0/24"] }),
];

/** Sends datagrams of these sizes, the next when one was answered, each again until then; gives the sizes of unharmed answers. */
async function echoed(from: Sandbox, port: number, sizes: readonly number[]): Promise<unknown> {
  const script = `
    const socket = require("node:dgram").createSocket("udp4");
    const sizes = ${JSON.stringify(sizes)};
    const seen = [];
    const done = () => { console.log(JSON.stringify(seen)); process.exit(0); };
    const send = () => socket.send(Uint8Array.from({ length: sizes[seen.length] }, (_, index) => index % 251));
    socket.on("message", (message) => {
      seen.push(message.every((byte, index) => byte === index % 251) ? message.length : -message.length);
      if (seen.length < sizes.length) send(); else done();
    });
    // Who sends what is too long learns so, and sends it in pieces the next time.
    socket.on("error", (error) => { if (error.code !== "EMSGSIZE") throw error; });
    socket.on("connect", () => { send(); setInterval(send, 300); setTimeout(done, 3000); });
    socket.connect(${port}, "${MACHINE}");`;
  return JSON.parse(await from.exec(process.execPath, "-e", script));
}

/** No connection comes about. */
async function refused(from: Pick<Sandbox, "exec">, address: string, port: number): Promise<void> {
  await expect(from.exec("timeout", "1", "busybox", "nc", address, String(port), "-e", "true")).rejects.toThrow();
}

describe("a published port of a network behind the uplink", () => {
  const undo = new AsyncDisposableStack();
  let fabric: Fabric;
  let host: Host;
  let driver: DatapathDriver;
  let outside: Sandbox;
  const sandboxes = new Map<string, Sandbox>();
  const wirings: EndpointWiring[] = [];

  const at = (name: string): Sandbox => sandboxes.get(name) ?? expect.unreachable();
  const link = () => host.kernel.getLink("hfg-host");
  const ruleset = () => host.ovs.exec("nft", "-s", "-a", "list", "ruleset");
  const open = async () => {
    driver = await host.open({ uplink: "eth1", tunnelAddress: "192.168.50.11/24" });
    for (const net of NETWORKS) driver.setNetwork(net);
  };

  const place = async (name: string, net: string, address: string, ports: EndpointWiring["ports"] = []) => {
    const endpoint = wiring(name, net, [address], { ports });
    wirings.push(endpoint);
    const port = await driver.attach(endpoint, signal);
    const sandbox = undo.use(await host.plug(port, [on(`${address}/24`)], ip(address.replace(/\d+$/, "1"))));
    sandboxes.set(name, sandbox);
  };
  const tcp = (hostPort: number, containerPort = 7100) => ({ protocol: "tcp" as const, hostPort, containerPort });

  beforeAll(async () => {
    fabric = undo.use(await Fabric.start());
    host = undo.use(await Host.start());
    outside = undo.use(await createSandbox());
    await fabric.join(host);
    await fabric.leg(100, on("10.20.0.1/24"));
    await host.kernel.createVeth({ name: "out0", peer: "out1", mtu: 1500, up: true });
    await host.kernel.setLink("out1", { namespace: outside.path });
    await host.kernel.replaceAddress({ link: "out0", ...on(`${MACHINE}/24`) });
    await outside.kernel.replaceAddress({ link: "out1", ...on(`${OUTSIDE}/24`) });
    await outside.kernel.setLink("out1", { up: true });
    await outside.kernel.replaceRoute({ prefix: "0.0.0.0/0", nextHop: ip(MACHINE), protocol: 4 });
    // What dockerd does, before or after us.
    await host.ovs.exec("iptables", "-P", "FORWARD", "DROP");
    await open();
    undo.defer(() => driver.close());
    await driver.synced(signal);
    await place("quiet", "n7", "10.20.0.9");
  });
  afterAll(() => undo.disposeAsync());

  test("has nothing of it while nobody publishes any", async () => {
    expect(await link()).toBeUndefined();
    expect(await ruleset()).not.toContain("holdfast {");
    expect(await host.ovs.exec("iptables", "-S", "FORWARD")).not.toContain("hfg");
  });

  describe.each([
    { name: "vlan", net: "n7", address: "10.20.0.5", port: 8080 },
    { name: "vxlan", net: "n8", address: "10.30.0.5", port: 8081 },
    { name: "rival", net: "n9", address: "10.30.0.5", port: 8082 },
  ])("in $net ($name, $address)", ({ name, net, address, port }) => {
    beforeAll(() => place(name, net, address, [tcp(port), { protocol: "udp", hostPort: port, containerPort: 7000 }]));

    test.each([
      { who: "a machine outside", from: () => outside.path, to: MACHINE },
      { who: "the machine by an address of its own", from: () => host.path, to: MACHINE },
      { who: "the machine by its loopback", from: () => host.path, to: "127.0.0.1" },
    ])("is reached by $who, with payload both ways", async ({ from, to }) => {
      await using server = Traffic.start(at(name).path, "tcp-serve", "0.0.0.0", 7100);
      await server.next();
      await using client = Traffic.start(from(), "tcp-send", to, port, MEBIBYTE);
      expect(await client.next()).toMatchObject({ right: true, bytes: MEBIBYTE });
      expect(driver.status()).toEqual([]);
    });

    test("is reached over UDP, in fragments too", async () => {
      await using echo = Traffic.start(at(name).path, "udp-echo", "-", 7000);
      await echo.next();
      expect(await echoed(outside, port, [100, 1430, 4000])).toEqual([100, 1430, 4000]);
    });
  });

  test("hears what routers and machines say of its packets", async () => {
    await using echo = Traffic.start(at("vlan").path, "udp-echo", "-", 7000);
    await echo.next();
    await host.ovs.exec("ip", "route", "add", `${OUTSIDE}/32`, "dev", "out0", "mtu", "1300");
    expect(await echoed(outside, 8080, [1400])).toEqual([1400]);
    const learned = await at("vlan").exec("ip", "route", "get", "169.254.88.1");
    await host.ovs.exec("ip", "route", "del", `${OUTSIDE}/32`);
    expect(learned).toContain("mtu 1300");
    await echo[Symbol.asyncDispose]();
    await expect(echoed(outside, 8080, [100])).rejects.toThrow("ECONNREFUSED");
  });

  test("is no way from the container to the machine, or through it", async () => {
    await host.ovs.exec(
      "nft",
      "add table inet probe; add chain inet probe seen { type filter hook input priority 300; }",
    );
    await host.ovs.exec("nft", 'add rule inet probe seen iifname "hfg-host" counter');
    await using server = Traffic.start(host.path, "tcp-serve", "0.0.0.0", 7200);
    await server.next();
    const trying = ["vlan", "vxlan", "rival", "quiet"].flatMap((name) => [
      ...["169.254.88.1", "169.254.88.2", "169.254.88.3", MACHINE, OUTSIDE].map(async (target) => {
        expect(await at(name).ping(target, 1)).toBe(0);
      }),
      refused(at(name), "169.254.88.1", 7200),
    ]);
    await Promise.all(trying);
    expect(await host.ovs.exec("nft", "list", "chain", "inet", "probe", "seen")).toContain("packets 0 ");
    await host.ovs.exec("nft", "delete", "table", "inet", "probe");
  });

  test("is no way to what is not published, by the address that stands for the container", async () => {
    await using server = Traffic.start(at("vlan").path, "tcp-serve", "0.0.0.0", 7300);
    await server.next();
    const froms = [outside, host.ovs];
    await Promise.all(froms.flatMap((from) => [7100, 7300].map((port) => refused(from, "169.254.88.2", port))));
    expect(await outside.ping("169.254.88.2", 1)).toBe(0);
  });

  test("leaves the machine's own way to the container's address alone", async () => {
    expect(await host.ovs.exec("ip", "route")).not.toContain("10.20.");
    expect(await host.ovs.exec("ip", "route")).not.toContain("10.30.");
  });

  test("of one address of the machine is published at that address only", async () => {
    await place("bound", "n7", "10.20.0.6", [{ ...tcp(8090), hostAddress: ip("127.0.0.1") }]);
    await using server = Traffic.start(at("bound").path, "tcp-serve", "0.0.0.0", 7100);
    await server.next();
    await using inner = Traffic.start(host.path, "tcp-send", "127.0.0.1", 8090, 1000);
    expect(await inner.next()).toMatchObject({ right: true });
    await refused(outside, MACHINE, 8090);
  });

  test("that cannot be published is named in the status, with the reason", async () => {
    const bare = network("n11", "vlan", 111, { prefixes: ["10.50.0.0/24"] });
    driver.setNetwork({ ...bare, subnets: bare.subnets.map(({ prefix }) => ({ prefix })) });
    await driver.attach(wiring("mute", "n11", ["10.50.0.5"], { ports: [tcp(8095)] }), signal);
    await driver.attach(wiring("six", "n7", ["fd00:20::77"], { ports: [tcp(8096)] }), signal);
    expect(driver.status()).toEqual([
      { row: "ports mute", state: "error", attempts: 1, error: expect.stringContaining("10.50.0.5 has no gateway") },
      { row: "ports six", state: "error", attempts: 1, error: expect.stringContaining("over IPv4 only") },
    ]);
    expect(await ruleset()).not.toMatch(/8095|8096/);
    await driver.detach("mute", signal);
    await driver.detach("six", signal);
    driver.removeNetwork("n11");
    await expect.poll(() => driver.status()).toEqual([]);
  });

  test("changes nothing when the driver is restarted, and breaks no connection", async () => {
    await wait(1500);
    const rules = await ruleset();
    await using probe = await Probe.start(outside.path, { path: at("vlan").path, address: MACHINE }, 8080, 7000);
    await using server = Traffic.start(at("vlan").path, "tcp-serve", "0.0.0.0", 7100);
    await server.next();
    await using client = Traffic.start(outside.path, "tcp-send-slowly", MACHINE, 8080, 20_000);
    const recording = await record(host, ["hf-int"]);
    await driver.close();
    await open();
    for (const endpoint of wirings.toReversed()) await driver.attach(endpoint, signal);
    await driver.synced(signal);
    expect(driver.status()).toEqual([]);
    await wait(300);
    expect(await recording.stop()).toEqual([]);
    expect(await ruleset()).toBe(rules);
    expect(await probe.finish()).toMatchObject({ lost: 0 });
    expect(await client.finish()).toMatchObject({ right: true });
  });

  test("works again when ovs-vswitchd was killed, which takes the machine's port with it, and keeps connections", async () => {
    await using server = Traffic.start(at("vxlan").path, "tcp-serve", "0.0.0.0", 7100);
    await server.next();
    await using standing = Traffic.start(outside.path, "tcp-send-slowly", MACHINE, 8081, 20_000);
    await wait(300);
    await host.ovs.restartSwitch("kill");
    await expect.poll(() => driver.status(), { timeout: 10_000 }).toEqual([]);
    expect(await standing.finish()).toMatchObject({ right: true });
    await using client = Traffic.start(outside.path, "tcp-send", MACHINE, 8081, MEBIBYTE);
    expect(await client.next()).toMatchObject({ right: true });
  });

  test("goes with its endpoint, and with the last one everything", async () => {
    await driver.detach("vlan", signal);
    await refused(outside, MACHINE, 8080);
    expect(await ruleset()).not.toContain("8080");
    expect(await link()).toBeDefined();
    for (const name of ["vxlan", "rival", "bound"]) await driver.detach(name, signal);
    await expect.poll(link).toBeUndefined();
    expect(await ruleset()).not.toContain("holdfast {");
    expect(await host.ovs.exec("iptables", "-S", "FORWARD")).not.toContain("hfg");
    expect(await host.flows()).not.toContain("169.254.88");
    expect(await host.ovs.exec("ip", "route")).not.toContain("169.254.88");
    await expect.poll(() => driver.status()).toEqual([]);
  });

  test("of a publisher that has gone while no agent ran is removed after the restart", async () => {
    await place("late", "n7", "10.20.0.7", [tcp(8099)]);
    expect(await link()).toBeDefined();
    await driver.close();
    await open();
    expect(await link()).toBeDefined();
    await driver.synced(signal);
    await expect.poll(link).toBeUndefined();
    await expect.poll(ruleset).not.toContain("holdfast {");
    expect(await host.flows()).not.toContain("169.254.88");
  });
});
