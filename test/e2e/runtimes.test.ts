import { createCri, type LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repeated } from "./machine.ts";
import { createPodman } from "./podman.ts";
import { HOLDFAST, Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "runtimes", cri: true, vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const cgroupOf = (host: LabHost): string => `/holdfast-lab-${stage.lab.record.id}/${host.name}`;
const criOf = (host: LabHost) => createCri(stage.lab, host);

async function answers(address: string, signal: AbortSignal): Promise<void> {
  await repeated(async () => ((await stage.answersRouter(address, signal)) ? true : undefined), signal);
}

async function nothingLeft(signal: AbortSignal): Promise<void> {
  await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
}

async function install(host: LabHost, words: string, signal: AbortSignal): Promise<void> {
  await host.exec([HOLDFAST, "cni", "install", ...words.split(" ")], { signal });
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
    await answers(address, signal);
    await cri.stopPodSandbox(id);
    await cri.stopPodSandbox(id);
    await nothingLeft(signal);
    await cri.removePodSandbox(id);
  });

  test("wires what ctr runs", async ({ signal }) => {
    const image = "docker.io/holdfast/busybox:latest";
    const run = ["ctr", "run", "--rm", "--cni", "--cgroup", `${cgroupOf(stage.h1)}/ctr`, image, "one"];
    const { stdout } = await stage.h1.exec([...run, "sh", "-c", "ip -o addr show eth0; ping -c 1 10.20.0.1"], {
      signal,
    });
    expect(stdout).toMatch(/inet 10\.20\.0\.\d+\/16/);
    expect(stdout).toContain("1 packets received");
    await nothingLeft(signal);
  });
});

describe("podman", () => {
  test("gives a container the address that is asked for, with the MAC of its claim", async ({ signal }) => {
    const words = "--network web --name web --conflist /etc/cni/net.d/20-web.conflist";
    await install(stage.h1, words, signal);
    const { podman, run } = await createPodman(stage.h1, cgroupOf(stage.h1), signal);
    const { address, mac } = await stage.claim("redis-0", "web", signal);
    await run("redis-0", "web", ["--ip", address], signal);
    await answers(address, signal);
    const link = await podman(["exec", "redis-0", "ip", "-o", "addr", "show", "eth0"], signal);
    expect(link).toContain(`inet ${address}/16`);
    expect(await podman(["exec", "redis-0", "cat", "/sys/class/net/eth0/address"], signal)).toBe(mac);
    await podman(["rm", "--force", "--time", "0", "redis-0"], signal);
    await nothingLeft(signal);
  });
});
