import { dockerNetwork, type LabHost } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentInStep, killed } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;

const KINDS = [
  { kind: "vlan", name: "web", subnet: "10.20.0.0/24" },
  { kind: "vxlan", name: "cache", subnet: "10.30.0.0/24" },
] as const;
const TENANTS = ["red", "blue"] as const;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "tenants" }, signal);
  for (const tenant of TENANTS) {
    await stage.holdfast(`tenant create ${tenant}`, signal);
    for (const { kind, name, subnet } of KINDS) {
      await stage.holdfast(`network create ${name} --tenant ${tenant} --kind ${kind} --subnet ${subnet}`, signal);
    }
  }
  const names = TENANTS.flatMap((tenant) => KINDS.map(({ name }) => `${name}.${tenant}`));
  await onEveryHost(async (host) => {
    for (const name of names) await dockerNetwork(host, name, signal);
  });
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function onEveryHost(work: (host: LabHost) => Promise<void>): Promise<void> {
  await Promise.all(stage.lab.hosts.map(work));
}

/** On both kinds of network at once: most of it is waiting for what does not come. */
async function onEveryKind(work: (kind: (typeof KINDS)[number]) => Promise<void>): Promise<void> {
  await Promise.all(KINDS.map(work));
}

/** A container that serves its tenant's name and its host's; the same address in every tenant. */
async function start(host: LabHost, place: { tenant: string; network: string; address: string }, signal: AbortSignal) {
  const { tenant, network, address } = place;
  const text = `${tenant} on ${host.name}`;
  const command = ["sh", "-c", `echo ${text} > /www/index.html && exec httpd -f -p 80 -h /www`];
  const name = `${tenant}-${network}-${host.number}`;
  await stage.run(host, name, { network: `${network}.${tenant}`, address, command }, signal);
}

/** What a container is served at an address. */
async function served(host: LabHost, container: string, address: string, signal: AbortSignal): Promise<string> {
  const get = ["docker", "exec", container, "timeout", "2", "wget", "-q", "-O", "-", `http://${address}/`];
  return (await host.tryExec(get, { signal })).stdout.trim();
}

/** Begins to note what comes to a container that was said to all. */
async function listen(host: LabHost, container: string, signal: AbortSignal): Promise<void> {
  const enter = ["nsenter", `--target=${await host.containerPid(container, signal)}`, "--net"];
  const ready = { kind: "line", pattern: /listening on/ } as const;
  const argv = [...enter, "tcpdump", "-n", "-l", "--immediate-mode", "-i", "eth0", "arp"];
  await host.spawn(argv, { name: `ear-${container}`, ready, signal });
}

async function heard(host: LabHost, container: string, signal: AbortSignal): Promise<string> {
  await host.stop(`ear-${container}`, signal);
  return (await host.exec(["cat", `/run/log/ear-${container}.log`], { signal })).stdout;
}

const addressOn = (subnet: string, host: LabHost) => subnet.replace("0/24", `${10 + host.number}`);

async function everybodyKnowsTheirOwn(signal: AbortSignal): Promise<void> {
  await onEveryKind(async ({ name, subnet }) => {
    for (const tenant of TENANTS) {
      for (const [from, to] of [
        [stage.h1, stage.h2],
        [stage.h2, stage.h1],
      ] as const) {
        const container = `${tenant}-${name}-${from.number}`;
        const text = await served(from, container, addressOn(subnet, to), signal);
        expect.soft([container, text]).toEqual([container, `${tenant} on ${to.name}`]);
      }
    }
  });
}

describe("two tenants with the same prefixes on the same hosts", () => {
  test("have the same addresses at once, and each reaches its own", async ({ signal }) => {
    await onEveryHost(async (host) => {
      for (const { name, subnet } of KINDS) {
        for (const tenant of TENANTS) {
          await start(host, { tenant, network: name, address: addressOn(subnet, host) }, signal);
        }
      }
    });
    await everybodyKnowsTheirOwn(signal);
  });

  test("share neither segment nor MAC addresses", async ({ signal }) => {
    const { networks, endpoints } = await stage.bookHas(
      (book) => (book.endpoints.length === 8 ? book : undefined),
      signal,
    );
    expect(new Set(networks.map(({ kind, segment }) => `${kind} ${segment}`)).size).toBe(4);
    expect(new Set(endpoints.map(({ mac }) => mac)).size).toBe(8);
    expect(new Set(endpoints.flatMap(({ addresses }) => addresses)).size).toBe(4);
  });

  test("do not hear each other: neither an address that only the other has, nor what it says to all", async ({
    signal,
  }) => {
    await onEveryKind(async ({ name, subnet }) => {
      const lonely = subnet.replace("0/24", "99");
      await stage.run(stage.h1, `lonely-${name}`, { network: `${name}.red`, address: lonely }, signal);
      const reached = async (tenant: string) =>
        await Promise.all(
          stage.lab.hosts.map((host) => stage.answers(host, `${tenant}-${name}-${host.number}`, lonely, signal)),
        );
      expect.soft(await reached("red")).toEqual([true, true]);
      expect.soft(await reached("blue")).toEqual([false, false]);

      for (const tenant of TENANTS) await listen(stage.h2, `${tenant}-${name}-2`, signal);
      const shout = ["arping", "-U", "-c", "3", "-I", "eth0", lonely];
      await stage.h1.tryExec(["docker", "exec", `lonely-${name}`, ...shout], { signal });
      const [red, blue] = await Promise.all(
        TENANTS.map(async (tenant) => await heard(stage.h2, `${tenant}-${name}-2`, signal)),
      );
      expect.soft(red).toContain(`tell ${lonely}`);
      expect.soft(blue).not.toContain(lonely);
    });
  });

  test("are told apart in docker's refusals and in the lists", async ({ signal }) => {
    const address = addressOn("10.20.0.0/24", stage.h1);
    const text = await stage.runRefused(stage.h2, "thief", `--network web.red --ip ${address}`, signal);
    expect(text).toMatch(/is bound on node h1/);
    const list = await stage.holdfast("endpoint list --tenant red", signal);
    expect(list).toMatch(new RegExp(`red/web .*${address} +h1 +active`));
    expect(list).not.toContain("blue/");
  });

  test("both work on when one of them is taken away, and when the agents are killed", async ({ signal }) => {
    await onEveryKind(async ({ name, subnet }) => {
      await stage.h1.docker(["rm", "--force", `red-${name}-1`], { signal });
      const address = addressOn(subnet, stage.h1);
      expect.soft(await served(stage.h2, `blue-${name}-2`, address, signal)).toBe("blue on host-1");
      expect.soft(await served(stage.h2, `red-${name}-2`, address, signal)).toBe("");
      await start(stage.h1, { tenant: "red", network: name, address }, signal);
    });
    await onEveryHost(async (host) => {
      await killed(host, "agent", signal);
      await stage.platform.startAgent(host, signal);
      await agentInStep(host, signal);
    });
    await everybodyKnowsTheirOwn(signal);
  });
});
