import { createCri, type LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killed, repeated } from "./machine.ts";
import { createPodman, type Podman } from "./podman.ts";
import { HOLDFAST, Stage, type StageOptions } from "./stage.ts";

let stage: Stage;

/** What differs between networks of the company's VLANs and those that the machines' kernels route. */
interface Kind {
  readonly options: Pick<StageOptions, "vlans" | "switchless">;
  readonly web: string;
  readonly db: string;
  /** Of an interface's address. */
  readonly length: number;
}

const KINDS: Readonly<Record<string, Kind>> = {
  vlan: {
    options: { vlans: { 100: ["10.20.0.1/16"] } },
    web: "--kind vlan --vlan 100 --subnet 10.20.0.0/16",
    db: "--kind vlan --vlan 101 --subnet 10.30.0.0/24",
    length: 16,
  },
  routed: {
    options: { switchless: true },
    web: "--kind routed --subnet 10.20.0.0/16",
    db: "--kind routed --subnet 10.30.0.0/24",
    length: 32,
  },
};

const cgroupOf = (host: LabHost): string => `/holdfast-lab-${stage.lab.record.id}/${host.name}`;
const criOf = (host: LabHost) => createCri(stage.lab, host);

async function nothingLeft(signal: AbortSignal): Promise<void> {
  await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
}

async function install(host: LabHost, words: string, signal: AbortSignal): Promise<void> {
  await host.exec([HOLDFAST, "cni", "install", ...words.split(" ")], { signal });
}

describe.each(Object.keys(KINDS))("on a %s network", (kind) => {
  const { options, web, db, length } = KINDS[kind] as Kind;

  beforeAll(async () => {
    const signal = AbortSignal.timeout(60_000);
    stage = await Stage.create({ title: `run-${kind}`, cri: true, ...options }, signal);
    await stage.network("web", web, signal);
  });

  afterAll(async () => {
    await stage?.[Symbol.asyncDispose]();
  });

  /** The company's router, which has a route to the machine where the machine is the last hop. */
  async function answers(address: string, host: LabHost, signal: AbortSignal): Promise<void> {
    const { router } = stage.lab;
    if (kind === "routed") {
      await router.exec(["ip", "route", "replace", `${address}/32`, "via", host.underlay.address], { signal });
    }
    await repeated(async () => {
      const { code } = await router.tryExec(["ping", "-c", "1", "-W", "1", address], { signal });
      return code === 0 ? true : undefined;
    }, signal);
  }

  test("a containerd that runs finds what holdfast cni install puts there", async ({ signal }) => {
    await Promise.all(
      stage.lab.hosts.map(async (host) => {
        expect(await criOf(host).isNetworkReady()).toBe(false);
        await install(host, "--network web", signal);
        await host.exec(["ln", "-s", "/usr/lib/cni/loopback", "/opt/cni/bin/loopback"], { signal });
        await repeated(async () => ((await criOf(host).isNetworkReady()) ? true : undefined), signal);
        const { stdout } = await host.exec([HOLDFAST, "cni", "status"], { signal });
        expect(stdout.match(/ ok /g)).toHaveLength(5);
      }),
    );
  });

  describe("containerd", () => {
    test("gives a pod an address of the network, and gives it back when the pod is stopped", async ({ signal }) => {
      const cri = criOf(stage.h1);
      const id = await cri.runPodSandbox({ name: "web-0" });
      const address = await cri.podAddress(id);
      await answers(address, stage.h1, signal);
      await cri.stopPodSandbox(id);
      await cri.stopPodSandbox(id);
      await nothingLeft(signal);
      await cri.removePodSandbox(id);
    });

    test("gives a pod of a StatefulSet the address and the MAC that it had on another node", async ({ signal }) => {
      await stage.holdfast("network update web --retention sticky:1h", signal);
      const pod = { name: "kafka-0", namespace: "prod" };
      const first = await criOf(stage.h1).runPodSandbox(pod);
      const address = await criOf(stage.h1).podAddress(first);
      const { mac } = await stage.getClaim("prod/kafka-0", "web", signal);
      // It runs there: nobody else gets it, and is told where it is.
      await expect(criOf(stage.h2).runPodSandbox(pod)).rejects.toThrow(/prod\/kafka-0.* h1/);
      await criOf(stage.h1).stopPodSandbox(first);
      const second = await criOf(stage.h2).runPodSandbox(pod);
      expect(await criOf(stage.h2).podAddress(second)).toBe(address);
      await answers(address, stage.h2, signal);
      const { stdout } = await stage.h2.exec(["sh", "-c", "ip -n $(ls /run/netns) -o link show eth0"], { signal });
      expect(stdout).toContain(mac);
      await criOf(stage.h2).stopPodSandbox(second);
      await nothingLeft(signal);
      await criOf(stage.h1).removePodSandbox(first);
      await criOf(stage.h2).removePodSandbox(second);
      await stage.holdfast("network update web --no-retention", signal);
    });

    test("publishes the ports of the machine that a pod asks for", async ({ signal }) => {
      const cri = criOf(stage.h1);
      const id = await cri.runPodSandbox({ name: "web-4", ports: [{ hostPort: 8088, containerPort: 80 }] });
      // In the pod's namespace, the only one there, as a container of the pod would.
      const inside = `exec nsenter --net=$(echo /run/netns/*) busybox nc -ll -p 80 -e echo published`;
      await stage.h1.spawn(["sh", "-c", inside], { name: "server", signal });
      const place = [String(stage.h1.managementAddress), "8088"];
      await repeated(async () => {
        const ask = ["timeout", "2", "/bin/busybox", "nc", ...place];
        const { stdout } = await stage.lab.control.tryExec(ask, { signal });
        return stdout === "published\n" ? true : undefined;
      }, signal);
      await stage.h1.stop("server", signal);
      await cri.stopPodSandbox(id);
      await cri.removePodSandbox(id);
      await nothingLeft(signal);
    });

    test("is told why a pod cannot start while there is no agent, and stops pods all the same", async ({ signal }) => {
      const cri = criOf(stage.h1);
      const id = await cri.runPodSandbox({ name: "web-1" });
      await killed(stage.h1, "agent", signal);
      const text = /the agent of Holdfast on this machine does not answer.*see that the agent runs/;
      await expect(cri.runPodSandbox({ name: "web-2" })).rejects.toThrow(text);
      await cri.stopPodSandbox(id);
      await cri.removePodSandbox(id);
      await stage.platform.startAgent(stage.h1);
      await nothingLeft(signal);
    });

    test("that is killed and started again goes on with its pods", async ({ signal }) => {
      const cri = criOf(stage.h1);
      const id = await cri.runPodSandbox({ name: "web-3" });
      const address = await cri.podAddress(id);
      await killed(stage.h1, "containerd", signal);
      await answers(address, stage.h1, signal);
      await stage.lab.start(stage.h1, "dockerd", signal);
      // It serves before it has found its pods again, and refuses until then.
      expect(await repeated(() => cri.podAddress(id).catch(() => undefined), signal)).toBe(address);
      await cri.stopPodSandbox(id);
      await cri.removePodSandbox(id);
      await nothingLeft(signal);
    });

    test("wires what ctr runs", async ({ signal }) => {
      const outside = kind === "vlan" ? "10.20.0.1" : stage.h1.underlay.address;
      const image = "docker.io/holdfast/busybox:latest";
      const run = ["ctr", "run", "--rm", "--cni", "--cgroup", `${cgroupOf(stage.h1)}/ctr`, image, "one"];
      const { stdout } = await stage.h1.exec([...run, "sh", "-c", `ip -o addr show eth0; ping -c 1 ${outside}`], {
        signal,
      });
      expect(stdout).toMatch(new RegExp(`inet 10\\.20\\.0\\.\\d+/${length} `));
      expect(stdout).toContain("1 packets received");
      await nothingLeft(signal);
    });
  });

  describe("podman", () => {
    let podman: Podman;
    beforeAll(async () => {
      const signal = AbortSignal.timeout(30_000);
      await stage.network("db", db, signal);
      await install(stage.h1, "--network web --name web --conflist /etc/cni/net.d/20-web.conflist", signal);
      const second = "--network db --name db --no-default-route --conflist /etc/cni/net.d/20-db.conflist";
      await install(stage.h1, second, signal);
      podman = await createPodman(stage.h1, cgroupOf(stage.h1), signal);
    });

    test("gives a container the address that is asked for, with the MAC of its claim", async ({ signal }) => {
      const { address, mac } = await stage.claim("redis-0", "web", signal);
      await podman.run("redis-0", "web", ["--ip", address], signal);
      await answers(address, stage.h1, signal);
      expect(await podman.podman(["exec", "redis-0", "ip", "-o", "addr", "show", "eth0"], signal)).toContain(
        `inet ${address}/${length} `,
      );
      expect(await podman.podman(["exec", "redis-0", "cat", "/sys/class/net/eth0/address"], signal)).toBe(mac);
      await podman.podman(["rm", "--force", "--time", "0", "redis-0"], signal);
      await nothingLeft(signal);
    });

    test("attaches a container to two networks in any order, with the default route of the one that may have it", async ({
      signal,
    }) => {
      await podman.run("both", "web:interface_name=eth0", ["--network", "db:interface_name=eth1"], signal);
      const addresses = await podman.podman(["exec", "both", "ip", "-o", "-4", "addr"], signal);
      expect(addresses).toMatch(/eth0 +inet 10\.20\./);
      expect(addresses).toMatch(/eth1 +inet 10\.30\.0\./);
      const routes = await podman.podman(["exec", "both", "ip", "route"], signal);
      expect(routes.match(/^default .*$/gm)).toEqual([expect.stringContaining("eth0")]);
      await podman.podman(["rm", "--force", "--time", "0", "both"], signal);
      await nothingLeft(signal);
    });
  });
});
