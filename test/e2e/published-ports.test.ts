import type { LabHost, LabSpace } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { agentInStep, killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "ports", vlans: { 100: ["10.20.0.1/24"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/24", signal);
  await stage.network("shop", "--kind vxlan --subnet 10.30.0.0/24", signal);
  await stage.holdfast("tenant create blue", signal);
  await stage.network("shop", "--tenant blue --kind vxlan --subnet 10.30.0.0/24", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** A container that serves its own name over HTTP, published on the machine it runs on. */
async function serve(
  host: LabHost,
  name: string,
  { network, publish, address }: { network: string; publish: string; address?: string },
  signal: AbortSignal,
): Promise<{ address: string }> {
  const command = ["sh", "-c", `echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`];
  const words = ["--publish", publish];
  return await stage.run(
    host,
    name,
    { network, command, words, ...(address === undefined ? {} : { address }) },
    signal,
  );
}

/** What a machine of the lab is served at `ADDRESS:PORT`; empty when nobody answers. */
async function served(by: Pick<LabSpace, "tryExec">, place: string, signal: AbortSignal): Promise<string> {
  const get = ["timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-", `http://${place}/`];
  return (await by.tryExec(get, { signal })).stdout.trim();
}

const at = (host: LabHost, port: number) => `${String(host.managementAddress)}:${port}`;

async function ruleset(host: LabHost, signal: AbortSignal): Promise<string> {
  return (await host.exec(["nft", "--stateless", "--handle", "list", "ruleset"], { signal })).stdout;
}

describe("a published port of a network behind an uplink", () => {
  test.each([
    { name: "web-1", network: "web", port: 8080 },
    { name: "shop-1", network: "shop", port: 8081 },
    // The same address again, of another tenant.
    { name: "blue-1", network: "shop.blue", port: 8082 },
  ])("is reached from its machine, from another machine and from the controller's: $network", async (way) => {
    const signal = AbortSignal.timeout(60_000);
    const { name, network, port } = way;
    await serve(stage.h1, name, { network, publish: `${port}:80` }, signal);
    expect.soft(await served(stage.h1, at(stage.h1, port), signal)).toBe(name);
    expect.soft(await served(stage.h1, `127.0.0.1:${port}`, signal)).toBe(name);
    expect.soft(await served(stage.h2, at(stage.h1, port), signal)).toBe(name);
    expect.soft(await served(stage.lab.control, at(stage.h1, port), signal)).toBe(name);
    await agentInStep(stage.h1, signal);
  });

  test("gives the container no way to its machine", async ({ signal }) => {
    const ways = ["web-1", "shop-1", "blue-1"].flatMap((name) =>
      ["169.254.88.1", "169.254.88.2", "169.254.88.3"].map(async (target) => ({
        way: `${name} to ${target}`,
        open: await stage.answers(stage.h1, name, target, signal),
      })),
    );
    expect((await Promise.all(ways)).filter(({ open }) => open)).toEqual([]);
  });

  test("stays when the agent is killed, and is the same after its restart", async ({ signal }) => {
    const before = await ruleset(stage.h1, signal);
    await killed(stage.h1, "agent", signal);
    expect(await served(stage.h2, at(stage.h1, 8080), signal)).toBe("web-1");
    await stage.platform.startAgent(stage.h1, signal);
    await agentInStep(stage.h1, signal);
    expect(await ruleset(stage.h1, signal)).toBe(before);
    expect(await served(stage.h2, at(stage.h1, 8080), signal)).toBe("web-1");
  });

  test("works beside a port that Docker's own bridge publishes", async ({ signal }) => {
    await serve(stage.h1, "bridge-1", { network: "bridge", publish: "8089:80" }, signal);
    expect(await served(stage.h2, at(stage.h1, 8089), signal)).toBe("bridge-1");
    expect(await served(stage.h2, at(stage.h1, 8080), signal)).toBe("web-1");
    await stage.h1.docker(["rm", "--force", "bridge-1"], { signal });
  });

  test("goes with its container, and with the last one everything", async ({ signal }) => {
    await stage.h1.docker(["rm", "--force", "web-1"], { signal });
    expect(await served(stage.h2, at(stage.h1, 8080), signal)).toBe("");
    expect(await served(stage.h1, "127.0.0.1:8080", signal)).toBe("");
    expect(await served(stage.h2, at(stage.h1, 8081), signal)).toBe("shop-1");
    await stage.h1.docker(["rm", "--force", "shop-1", "blue-1"], { signal });
    await repeated(async () => {
      const links = (await stage.h1.exec(["ip", "-o", "link"], { signal })).stdout;
      const forward = (await stage.h1.exec(["iptables", "-S", "FORWARD"], { signal })).stdout;
      const rules = await ruleset(stage.h1, signal);
      const left = [links.includes("hfg-"), forward.includes("hfg-"), rules.includes("inet holdfast {")];
      return left.includes(true) ? undefined : true;
    }, signal);
    await agentInStep(stage.h1, signal);
  });
});
