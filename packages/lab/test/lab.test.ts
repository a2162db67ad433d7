import { request } from "node:http";
import { text } from "node:stream/consumers";
import { IpAddress, isHoldfastError, silentLogger, VlanId } from "@holdfast/core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  createLab,
  IMAGE,
  isAlive,
  type Lab,
  type LabHost,
  openLab,
  startPingStream,
  startRelay,
  startUdpEcho,
  startUdpStream,
} from "../src/index.ts";

const dependencies = { logger: silentLogger };
const name = `test-lab-${process.pid}`;
const soon = (): AbortSignal => AbortSignal.timeout(20_000);

let lab: Lab;
let createMilliseconds = 0;

beforeAll(async () => {
  const started = performance.now();
  const vlans = [{ vlan: VlanId.parse(100), gateways: ["10.20.0.1/16", "fd00:20::1/64"] }];
  lab = await createLab(dependencies, { name, vlans, signal: soon() });
  createMilliseconds = performance.now() - started;
  for (const host of lab.hosts) await plugIn(host, 100, `10.20.0.1${host.number}/16`);
});

afterAll(async () => {
  await lab?.destroy();
});

/** Gives a host an access port in a VLAN as an operator would, with an address of its own. */
async function plugIn(host: LabHost, vlan: number, address: string): Promise<void> {
  const port = `web${vlan}`;
  const bridge = "--may-exist add-br br0 -- set bridge br0 datapath_type=netdev -- --may-exist add-port br0 uplink0";
  const script = `ovs-vsctl ${bridge} -- add-port br0 ${port} tag=${vlan} -- set interface ${port} type=internal
ip address add ${address} dev ${port} && ip link set ${port} up`;
  await host.exec(["/bin/sh", "-ec", script], { signal: soon() });
}

/** Whether an address answers one of so many pings, each of which waits a second. */
async function pings(from: Pick<LabHost, "tryExec">, address: string, tries = 5): Promise<boolean> {
  const script = `for try in $(seq ${tries}); do /bin/busybox ping -c 1 -W 1 ${address} && exit 0; done; exit 1`;
  return (await from.tryExec(["/bin/sh", "-c", script], { signal: soon() })).code === 0;
}

describe("a lab", () => {
  test("of two hosts with dockerd is up within 10 seconds", () => {
    expect(createMilliseconds).toBeLessThan(10_000);
  });

  test("refuses a second lab of its name", async () => {
    const second = createLab(dependencies, { name, signal: soon() });
    await expect(second).rejects.toSatisfy((error) => isHoldfastError(error, "already_exists"));
  });

  test("refuses a name with a path in it", async () => {
    const refused = createLab(dependencies, { name: "../evil", signal: soon() });
    await expect(refused).rejects.toSatisfy((error) => isHoldfastError(error, "invalid_argument"));
  });

  test("has no way out of any of its spaces", async () => {
    for (const space of [...lab.hosts, lab.router, lab.control, lab.switch]) {
      const { stdout } = await space.exec(["ip", "route", "show", "default"], { signal: soon() });
      expect(stdout).toBe("");
      const { code, stderr } = await space.tryExec(["ip", "route", "get", "203.0.113.1"], { signal: soon() });
      expect([code, stderr]).toEqual([2, expect.stringContaining("unreachable")]);
    }
  });

  test("gives every space its own name, /run, /etc, /var/lib and links", async () => {
    for (const space of [...lab.hosts, lab.router]) {
      const script = `hostname; echo ${space.name} | tee /run/mine /etc/mine /var/lib/mine >/dev/null`;
      expect((await space.exec(["/bin/sh", "-ec", script], { signal: soon() })).stdout).toBe(`${space.name}\n`);
    }
    for (const file of ["/run/mine", "/etc/mine", "/var/lib/mine"]) {
      expect((await lab.host(1).exec(["cat", file], { signal: soon() })).stdout).toBe("host-1\n");
      expect((await lab.control.tryExec(["cat", file], { signal: soon() })).code).toBe(1);
    }
    const links = (await lab.router.exec(["ls", "/sys/class/net"], { signal: soon() })).stdout.split("\n");
    expect(links).toEqual(expect.arrayContaining(["lo", "underlay0", "vlan100"]));
    expect(links).not.toContain("eth0");
  });
});

describe("the switch and the router of a lab", () => {
  test("carry a VLAN between hosts and to its gateway, in IPv4 and IPv6", async () => {
    expect(await pings(lab.host(1), "10.20.0.12")).toBe(true);
    expect(await pings(lab.router, "10.20.0.11")).toBe(true);
    await lab.host(1).exec(["ip", "address", "add", "fd00:20::11/64", "dev", "web100", "nodad"], { signal: soon() });
    expect(await pings(lab.host(1), "fd00:20::1")).toBe(true);
  });

  test("keep VLANs apart, and route between them at the router", async () => {
    const vlan = VlanId.parse(200);
    await plugIn(lab.host(2), 200, "10.21.0.12/16");
    expect(await pings(lab.router, "10.21.0.12", 1)).toBe(false);
    await lab.addVlan({ vlan, gateways: ["10.21.0.1/16"] }, soon());
    await lab.addVlan({ vlan, gateways: ["10.21.0.1/16"] }, soon());
    await lab.host(1).exec(["ip", "route", "add", "10.21.0.0/24", "via", "10.20.0.1"], { signal: soon() });
    await lab.host(2).exec(["ip", "route", "add", "10.20.0.11/32", "via", "10.21.0.1"], { signal: soon() });
    const trace = ["/bin/busybox", "traceroute", "-n", "-q", "1", "-m", "3", "10.21.0.12"];
    const { stdout } = await lab.host(1).exec(trace, { signal: soon() });
    expect(stdout).toMatch(/\n 1 {2}10\.20\.0\.1 .*\n 2 {2}10\.21\.0\.12 /);
    await lab.host(2).exec(["ip", "route", "del", "10.20.0.11/32"], { signal: soon() });
    await lab.removeVlan(vlan, soon());
    await lab.removeVlan(vlan, soon());
    expect((await lab.router.tryExec(["ip", "link", "show", "vlan200"], { signal: soon() })).code).toBe(1);
  });

  test("carry TCP in both directions, which needs checksums that are filled in", async () => {
    const server = `require("http").createServer((q, r) => q.pipe(r)).listen(8080, () => console.log("serving"))`;
    const ready = { kind: "line", pattern: /^serving$/ } as const;
    await lab.host(2).spawn([process.execPath, "-e", server], { name: "mirror", ready, signal: soon() });
    const client = `fetch("http://10.20.0.12:8080", { method: "POST", body: "x".repeat(1_000_000), signal: AbortSignal.timeout(8000) })
      .then((answer) => answer.text()).then((text) => console.log(text.length))`;
    for (const space of [lab.router, lab.host(1)]) {
      const { stdout } = await space.exec([process.execPath, "-e", client], { signal: soon() });
      expect(stdout).toBe("1000000\n");
    }
    await lab.host(2).stop("mirror", soon());
  });

  test("carry the untagged underlay between hosts for tunnels", async () => {
    for (const { underlay, exec } of lab.hosts.map((host) => ({
      underlay: host.underlay,
      exec: host.exec.bind(host),
    }))) {
      const script = `ip address add ${underlay.interfaceAddress} dev br0 && ip link set br0 up`;
      await exec(["/bin/sh", "-ec", script], { signal: soon() });
    }
    expect(await pings(lab.host(1), lab.host(2).underlay.address)).toBe(true);
    expect(await pings(lab.host(1), lab.host(1).underlay.gateway)).toBe(true);
  });

  test("join hosts and controllers on the management network", async () => {
    expect(await pings(lab.host(1), lab.controlAddress)).toBe(true);
    expect(await pings(lab.control, lab.host(2).managementAddress)).toBe(true);
    expect(await pings(lab.router, lab.controlAddress, 1)).toBe(false);
  });
});

describe("the dockerd of each host", () => {
  test("runs containers on its own", async () => {
    const ids = await Promise.all(
      lab.hosts.map(async (host) => {
        await host.docker(
          [
            "run",
            "-d",
            "--name=same-name",
            "--stop-timeout=1",
            "--hostname=inside",
            IMAGE,
            "httpd",
            "-f",
            "-h",
            "/www",
          ],
          {
            signal: soon(),
          },
        );
        const pid = await host.containerPid("same-name", soon());
        const page = await host.exec(["/bin/busybox", "wget", "-qO-", "http://127.0.0.1/"], {
          signal: soon(),
          inside: pid,
        });
        expect(page.stdout).toBe("holdfast lab\n");
        return await host.docker(["info", "--format={{.Name}} {{.CgroupDriver}}"], { signal: soon() });
      }),
    );
    expect(ids).toEqual(["host-1 cgroupfs", "host-2 cgroupfs"]);
  });

  test("gives a container without network only loopback", async () => {
    const links = await lab
      .host(1)
      .docker(["run", "--rm", "--network=none", IMAGE, "ip", "-o", "link"], { signal: soon() });
    expect(links).toMatch(/^1: lo:[^\n]*$/);
  });

  test("comes back after it was killed", async () => {
    await lab.kill(lab.host(2), "dockerd", soon());
    expect((await lab.host(2).tryExec(["docker", "ps"], { signal: soon() })).code).toBe(1);
    await lab.start(lab.host(2), "dockerd", soon());
    await lab.start(lab.host(2), "dockerd", soon());
    expect(await lab.host(2).docker(["image", "ls", "--format={{.Repository}}"], { signal: soon() })).toBe(IMAGE);
    expect(await lab.host(1).docker(["ps", "--format={{.Names}}"], { signal: soon() })).toBe("same-name");
  });
});

describe("failures in a lab", () => {
  test("a cut uplink takes the carrier and loses probes, a mended one brings them back", async () => {
    await using _echo = await startUdpEcho({ space: lab.host(1) }, 7007, soon());
    await using stream = await startUdpStream({ space: lab.router }, { address: "10.20.0.11", port: 7007 }, soon());
    await using ping = await startPingStream({ space: lab.router }, "10.20.0.11", soon());
    expect(await stream.gap(soon())).toMatchObject({ lost: 0, longestGapMs: 0 });
    await lab.cut(lab.host(1), ["uplink"], soon());
    const carrier = await lab.host(1).exec(["cat", "/sys/class/net/uplink0/carrier"], { signal: soon() });
    expect(carrier.stdout).toBe("0\n");
    expect(await pings(lab.router, "10.20.0.11", 1)).toBe(false);
    expect(await pings(lab.control, lab.host(1).managementAddress)).toBe(true);
    await lab.mend(lab.host(1), ["uplink"], soon());
    expect(await pings(lab.router, "10.20.0.11")).toBe(true);
    for (const report of [await stream.gap(soon()), await ping.gap(soon())]) {
      expect(report.longestGapMs).toBeGreaterThan(1000);
      expect(report.longestGapMs).toBeLessThan(15_000);
      expect(report.lost).toBeGreaterThan(100);
      expect(report.received).toBe(report.sent - report.lost);
    }
  });

  test("a cut management cable leaves the uplink alone", async () => {
    await lab.cut(lab.host(2), ["management"], soon());
    expect(await pings(lab.control, lab.host(2).managementAddress, 1)).toBe(false);
    expect(await pings(lab.router, "10.20.0.12")).toBe(true);
    await lab.mend(lab.host(2), ["management"], soon());
    expect(await pings(lab.control, lab.host(2).managementAddress)).toBe(true);
  });

  test("a killed Open vSwitch comes back with what it had", async () => {
    await lab.kill(lab.host(2), "ovs", soon());
    expect(await pings(lab.router, "10.20.0.12", 1)).toBe(false);
    await lab.start(lab.host(2), "ovs", soon());
    const ports = await lab.host(2).exec(["ovs-vsctl", "list-ports", "br0"], { signal: soon() });
    expect(ports.stdout.split("\n")).toEqual(expect.arrayContaining(["uplink0", "web100"]));
  });

  test("an echo in a container's network ends with the container", async () => {
    const host = lab.host(1);
    await host.docker(["run", "-d", "--name=echo", IMAGE, "sleep", "1000"], { signal: soon() });
    const inside = await host.containerPid("echo", soon());
    const address = await host.docker(["inspect", "--format={{.NetworkSettings.IPAddress}}", "echo"], {
      signal: soon(),
    });
    await using _echo = await startUdpEcho({ space: host, inside }, 7007, soon());
    await using stream = await startUdpStream(
      { space: host },
      { address: IpAddress.parse(address), port: 7007 },
      soon(),
    );
    await host.docker(["rm", "-f", "echo"], { signal: soon() });
    // A process that stayed in the container's pid namespace would keep the removal from ending.
    expect((await host.tryExec(["ls", `/proc/${inside}`], { signal: soon() })).code).toBe(2);
    await expect.poll(async () => (await stream.gap(soon())).lost, { timeout: 5000 }).toBeGreaterThan(0);
  });
});

describe("a process in a space", () => {
  const ready = { kind: "line", pattern: /^serving$/ } as const;

  test("is started by name, waited for by its output, seen from another handle, and stopped", async () => {
    const script =
      "trap 'echo leaving; exit 0' TERM; echo starting; sleep 0.1; echo serving; while :; do sleep 0.05; done";
    const agent = await lab.host(1).spawn(["/bin/sh", "-c", script], { name: "agent", ready, signal: soon() });
    expect(isAlive(agent)).toBe(true);
    const again = lab.host(1).spawn(["true"], { name: "agent", signal: soon() });
    await expect(again).rejects.toSatisfy((error) => isHoldfastError(error, "already_exists"));
    const other = (await openLab(dependencies, name)).host(1);
    expect((await other.process("agent"))?.pid).toBe(agent.pid);
    await other.stop("agent", soon());
    expect(isAlive(agent)).toBe(false);
    const log = await lab.host(1).exec(["cat", "/run/log/agent.log"], { signal: soon() });
    expect(log.stdout).toBe("starting\nserving\nleaving\n");
    await other.stop("agent", soon());
  });

  test("that ends before it is ready is reported with its last words", async () => {
    const started = lab.control.spawn(["/bin/sh", "-c", "echo no configuration; exit 3"], {
      name: "bad",
      ready,
      signal: soon(),
    });
    await expect(started).rejects.toThrow(/bad ended before it was ready: no configuration/);
  });

  test("that does not get ready in time is killed", async () => {
    const argv = ["sleep", "1000"];
    const started = lab.control.spawn(argv, { name: "slow", ready: { ...ready, timeout: 100 }, signal: soon() });
    await expect(started).rejects.toSatisfy((error) => isHoldfastError(error, "timeout"));
    const slow = await lab.control.process("slow");
    await expect.poll(() => slow !== undefined && isAlive(slow), { timeout: 5000 }).toBe(false);
  });

  test("is waited for by HTTP over its socket", async () => {
    const server = `require("http").createServer((_, r) => { r.statusCode = ++n > 2 ? 200 : 503; r.end(); }).listen("/run/web.sock"); let n = 0;`;
    const http = { kind: "http", socket: lab.control.path("/run/web.sock"), path: "/readyz" } as const;
    await lab.control.spawn([process.execPath, "-e", server], { name: "web", ready: http, signal: soon() });
    expect(await lab.control.kill("web")).toBe(true);
    await expect.poll(async () => await lab.control.kill("web"), { timeout: 5000 }).toBe(false);
  });

  test("is reached from outside through a relay to its port", async () => {
    const server = `require("http").createServer((q, r) => q.pipe(r)).listen(4653, "127.0.0.1", () => console.log("serving"))`;
    await lab.control.spawn([process.execPath, "-e", server], { name: "api", ready, signal: soon() });
    await using relay = await startRelay(lab.control, { port: 4653 }, soon());
    const big = "x".repeat(1_000_000);
    const answers = await Promise.all([postTo(relay.socketPath, "one"), postTo(relay.socketPath, big)]);
    expect(answers).toEqual(["one", big]);
    await lab.control.stop("api", soon());
    await expect(postTo(relay.socketPath, "nobody")).rejects.toThrow(/hang up|ECONNRESET|EPIPE/);
  });
});

function postTo(socketPath: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, method: "POST", agent: false }, (response) => {
      text(response).then(resolve, reject);
    });
    call.on("error", reject);
    call.end(body);
  });
}
