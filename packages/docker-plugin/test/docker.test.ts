import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { fakeNetwork } from "../src/testing/fake-network.ts";
import { createDockerSpace, type DockerSpace, until } from "./docker-space.ts";
import { type PluginHandle, startPluginProcess } from "./plugin-handle.ts";

const web = fakeNetwork("web", ["10.20.0.0/16"]);
const dual = fakeNetwork("dual", ["10.30.0.0/24", "fd00:30::/64"], { segment: 30 });
/** Nobody makes a docker network for it but by hand. */
const manual = fakeNetwork("manual", ["10.40.0.0/24"], { segment: 40, docker: false });
const all = [web, dual, manual];

const SLEEP = ["lab/busybox", "sleep", "3600"];
const IMAGE = `mkdir -p /run/image/bin && cp /bin/busybox /run/image/bin/
for applet in sh sleep ping ip; do ln /run/image/bin/busybox /run/image/bin/$applet; done
tar -C /run/image -c . | /usr/bin/docker import - lab/busybox`;

describe("a real dockerd 20.10", () => {
  let space: DockerSpace;
  let plugin: PluginHandle;

  const docker = (...args: string[]): Promise<string> => space.docker(...args);
  const start = (name: string, ...options: string[]): Promise<string> =>
    docker("run", "-d", "--stop-signal", "KILL", "--name", name, ...options, ...SLEEP);
  const addressOf = (container: string, network = "web"): Promise<string> =>
    docker("inspect", "-f", `{{(index .NetworkSettings.Networks "${network}").IPAddress}}`, container);
  const networkNames = async (): Promise<readonly string[]> =>
    (await docker("network", "ls", "--format", "{{.Name}}")).split("\n");
  const held = async (): Promise<readonly string[]> =>
    (await plugin.endpoints()).flatMap(({ claim }) => claim.addresses);
  const pings = async (from: string, address: string): Promise<boolean> =>
    (await space.tryRun("/usr/bin/docker", "exec", from, "ping", "-c", "1", "-W", "2", address)).code === 0;
  const settled = async (...names: string[]): Promise<void> =>
    await until(
      async () => {
        const there = await networkNames();
        return names.every((name) => there.includes(name));
      },
      15_000,
      plugin.events,
    );

  beforeAll(async () => {
    space = await createDockerSpace();
    plugin = await startPluginProcess(space);
    await plugin.ask({ kind: "setNetworks", networks: all });
    await space.startDockerd();
    await space.run("sh", "-c", IMAGE);
  });
  beforeEach(async () => {
    const containers = (await docker("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (containers.length > 0) await docker("rm", "-f", ...containers);
    await until(async () => (await held()).length === 0, 15_000, plugin.events);
    await plugin.ask({ kind: "setNetworks", networks: all });
    await settled("web", "dual");
  });
  afterAll(async () => {
    await space?.[Symbol.asyncDispose]();
  });

  test("the networks that say so are docker networks", async () => {
    const inspected = await docker("network", "inspect", "-f", "{{json .IPAM.Config}} {{.EnableIPv6}}", "dual");
    expect(inspected).toBe(
      '[{"Subnet":"10.30.0.0/24","Gateway":"10.30.0.1"},{"Subnet":"fd00:30::/64","Gateway":"fd00:30::1"}] true',
    );
    expect(await networkNames()).not.toContain("manual");
  });

  test("containers have the address they ask for, or one that is free, and reach each other", async () => {
    await start("first", "--network", "web", "--ip", "10.20.0.50");
    await start("second", "--network", "web");
    expect(await addressOf("first")).toBe("10.20.0.50");
    expect(await pings("second", "10.20.0.50")).toBe(true);
    expect(await docker("exec", "first", "ip", "-o", "addr", "show", "eth0")).toContain("10.20.0.50/16");
    expect(await docker("exec", "first", "ip", "route")).toContain("default via 10.20.0.1");
    expect(await docker("inspect", "-f", "{{.NetworkSettings.Networks.web.MacAddress}}", "first")).toBe(
      "02:64:0a:14:00:32",
    );
    await until(async () => (await plugin.endpoints()).every(({ container }) => container !== undefined));
    expect((await plugin.endpoints()).map(({ container }) => container)).toEqual(["first", "second"]);
    await docker("rm", "-f", "first", "second");
    expect(await held()).toEqual([]);
    expect(await space.run("ip", "-br", "link")).not.toContain("hfh-");
  });

  test("a second container with the same --ip is refused, and the first is unharmed", async () => {
    await start("first", "--network", "web", "--ip", "10.20.0.50");
    await start("other", "--network", "web");
    await expect(start("second", "--network", "web", "--ip", "10.20.0.50")).rejects.toThrow("10.20.0.50 is bound to");
    expect(await pings("other", "10.20.0.50")).toBe(true);
    expect(await held()).toHaveLength(2);
  });

  test("driver-opt holdfast.identity must be the claim's identity", async () => {
    await plugin.ask({ kind: "claim", network: web, identity: "redis-0", address: "10.20.0.60" });
    const option = (identity: string): string => `name=web,driver-opt=holdfast.identity=${identity}`;
    await expect(start("wrong", "--network", option("redis-1"), "--ip", "10.20.0.60")).rejects.toThrow(
      "belongs to redis-0",
    );
    expect(await held()).toEqual([]);
    await start("right", "--network", option("redis-0"), "--ip", "10.20.0.60");
    expect(await held()).toEqual(["10.20.0.60"]);
  });

  test("--mac-address may only be the claim's MAC", async () => {
    const ip = ["--network", "web", "--ip", "10.20.0.61"];
    await expect(start("wrong", ...ip, "--mac-address", "02:00:00:00:00:01")).rejects.toThrow("02:64:0a:14:00:3d");
    await start("right", ...ip, "--mac-address", "02:64:0a:14:00:3d");
    expect(await docker("exec", "right", "ip", "link", "show", "eth0")).toContain("02:64:0a:14:00:3d");
  });

  test("a dual-stack network gives both addresses of one claim", async () => {
    await start("first", "--network", "dual");
    await start("second", "--network", "dual");
    const [first] = await plugin.endpoints();
    expect(first?.claim.addresses).toHaveLength(2);
    const v6 = await docker("inspect", "-f", "{{.NetworkSettings.Networks.dual.GlobalIPv6Address}}", "first");
    expect(first?.claim.addresses).toContain(v6);
    expect(await docker("exec", "first", "ip", "-6", "route")).toContain("default via fd00:30::1");
    // Duplicate address detection takes a moment.
    await until(() => pings("second", v6));
  });

  test("ports are chosen or refused by us, for Docker leaves them to remote drivers", async () => {
    await start(
      "first",
      "--network",
      "web",
      "-p",
      "8080:80",
      "-p",
      "127.0.0.1:9000-9001:90/udp",
      "--expose",
      "70",
      "-P",
    );
    const ports = (await plugin.endpoints()).flatMap((endpoint) => endpoint.ports);
    expect(ports).toEqual(
      expect.arrayContaining([
        { protocol: "tcp", hostPort: 8080, containerPort: 80 },
        { protocol: "udp", hostAddress: "127.0.0.1", hostPort: 9000, containerPort: 90 },
        { protocol: "tcp", hostPort: expect.any(Number), containerPort: 70 },
      ]),
    );
    await expect(start("second", "--network", "web", "-p", "8080:80")).rejects.toThrow("8080/tcp");
    // The same container on a second network asks for its ports again.
    await docker("network", "connect", "dual", "first");
    expect(await docker("exec", "first", "ip", "-o", "addr", "show", "eth1")).toContain("10.30.0.");
  });

  test("a container joins and leaves a network while it runs", async () => {
    await start("first", "--network", "web");
    await docker("network", "connect", "--ip", "10.30.0.77", "dual", "first");
    expect(await addressOf("first", "dual")).toBe("10.30.0.77");
    await docker("network", "disconnect", "dual", "first");
    expect(await held()).toEqual([await addressOf("first")]);
    expect(await docker("exec", "first", "ip", "link")).not.toContain("eth1");
  });

  test("a network made by hand says what is missing, and there is only one", async () => {
    const create = (...options: string[]): Promise<string> =>
      docker("network", "create", "-d", "holdfast", "--ipam-driver", "holdfast", ...options);
    const option = ["--ipam-opt", "holdfast.network=manual"];
    await expect(create("mine")).rejects.toThrow("--ipam-opt holdfast.network is missing");
    await expect(create(...option, "mine")).rejects.toThrow(
      "holdfast.network=default/manual --subnet 10.40.0.0/24 manual",
    );
    await expect(create(...option, "--subnet", "10.41.0.0/24", "mine")).rejects.toThrow("it has 10.40.0.0/24");
    await expect(docker("network", "create", "-d", "holdfast", "mine")).rejects.toThrow("--ipam-driver holdfast");
    const full = [...option, "--subnet", "10.40.0.0/24", "--aux-address", "router=10.40.0.9"];
    await create(...full, "--gateway", "10.40.0.1", "mine");
    await expect(create(...full, "another")).rejects.toThrow("stands for default/manual on this machine already");
    await start("first", "--network", "mine", "--ip", "10.40.0.50");
    await expect(start("second", "--network", "mine", "--ip", "10.40.0.9")).rejects.toThrow("--aux-address");
    expect(await pings("first", "10.40.0.50")).toBe(true);
    await docker("rm", "-f", "first");
    await docker("network", "rm", "mine");
    await create(...full, "again");
    await docker("network", "rm", "again");
  });

  test("dockerd is killed: networks live on, containers come back with their address, nothing leaks", async () => {
    await start("back", "--network", "web", "--ip", "10.20.0.80", "--restart", "always");
    await start("gone", "--network", "web", "--ip", "10.20.0.81");
    await start("free", "--network", "dual", "--restart", "always");
    await space.killDockerd();
    await space.startDockerd();
    const running = (): Promise<string> => docker("ps", "--format", "{{.Names}}");
    await until(
      async () => (await running()).split("\n").sort().join() === "back,free",
      15_000,
      async () => `${await running()} ${await plugin.events()}`,
    );
    expect(await addressOf("back")).toBe("10.20.0.80");
    await until(async () => (await plugin.endpoints()).length === 2, 15_000, plugin.events);
    await docker("start", "gone");
    expect(await addressOf("gone")).toBe("10.20.0.81");
    expect(await pings("gone", "10.20.0.80")).toBe(true);
  });

  test("dockerd is killed in the middle of run and rm: after the next looks, what is held is what runs", async () => {
    const interrupt = async (milliseconds: number, ...args: string[]): Promise<void> => {
      const command = space.tryRun("/usr/bin/docker", ...args);
      await pause(milliseconds);
      await space.killDockerd();
      await command;
      await space.startDockerd();
    };
    const points = [60, 110, 170];
    for (const [index, point] of points.entries()) {
      await interrupt(
        point,
        "run",
        "-d",
        "--name",
        `c${index}`,
        "--network",
        "web",
        "--ip",
        `10.20.1.${index}`,
        ...SLEEP,
      );
    }
    await docker("run", "-d", "--name", "kept", "--network", "web", "--ip", "10.20.1.99", ...SLEEP);
    await interrupt(40, "rm", "-f", "kept");
    const running = async (): Promise<readonly string[]> => {
      const ids = (await docker("ps", "-q")).split("\n").filter((id) => id !== "");
      return await Promise.all(ids.map((id) => addressOf(id)));
    };
    const settledAs = async (): Promise<boolean> =>
      (await held()).toSorted().join() === (await running()).toSorted().join();
    await until(
      settledAs,
      20_000,
      async () => `${(await held()).join()} ${(await running()).join()} ${await plugin.events()}`,
    );
    // The double takes an address out of its book first, and its link down then.
    const links = async (): Promise<number> =>
      (await space.run("ip", "-br", "link")).split("\n").filter((line) => line.startsWith("hfh-")).length;
    await until(async () => (await links()) === (await held()).length);
    // Every address can be used again.
    const all = (await docker("ps", "-aq")).split("\n").filter((id) => id !== "");
    if (all.length > 0) await docker("rm", "-f", ...all);
    for (const index of points.keys()) await start(`again${index}`, "--network", "web", "--ip", `10.20.1.${index}`);
  }, 60_000);

  test("the plugin may restart while containers run, even when its memory was lost", async () => {
    await start("first", "--network", "web", "--ip", "10.20.0.50");
    await plugin.ask({ kind: "restart" });
    await start("second", "--network", "web");
    await plugin.ask({ kind: "restart", forget: true });
    await until(
      async () =>
        (await space.tryRun("/usr/bin/docker", "run", "--rm", "--network", "web", "lab/busybox", "sleep", "0")).code ===
        0,
    );
    expect(await pings("second", "10.20.0.50")).toBe(true);
    await docker("rm", "-f", "first", "second");
    expect(await held()).toEqual([]);
  });

  test("a docker network follows its subnets as soon as nobody uses it, and goes with its network", async () => {
    const grown = fakeNetwork("web", ["10.20.0.0/16", "10.21.0.0/16"]);
    await start("first", "--network", "web");
    await docker("create", "--name", "stopped", "--network", "web", "--ip", "10.20.0.90", ...SLEEP);
    const before = await docker("network", "inspect", "-f", "{{.Id}}", "web");
    await plugin.ask({ kind: "setNetworks", networks: [grown, dual] });
    await until(
      async () => (await plugin.events()).includes("its subnets have changed, but it is in use by first"),
      10_000,
    );
    expect(await docker("network", "inspect", "-f", "{{.Id}}", "web")).toBe(before);
    await docker("rm", "-f", "first");
    const prefixes = (): Promise<string> =>
      docker("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}} {{end}}", "web");
    await until(async () => (await prefixes().catch(() => "")) === "10.20.0.0/16 10.21.0.0/16", 10_000, plugin.events);
    await docker("start", "stopped");
    expect(await addressOf("stopped")).toBe("10.20.0.90");
    await start("new", "--network", "web", "--ip", "10.21.0.50");
    await plugin.ask({ kind: "setNetworks", networks: [dual] });
    await until(async () => (await plugin.events()).includes("it is to go, but it is in use by"), 10_000);
    await docker("rm", "-f", "stopped", "new");
    await until(async () => !(await networkNames()).includes("web"), 10_000, plugin.events);
    expect(await networkNames()).toContain("dual");
  });
});
