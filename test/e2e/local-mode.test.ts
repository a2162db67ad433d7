import type { LabHost, LabSpace } from "@holdfast/lab";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listContainers } from "./docker.ts";
import { agentInStep, killed, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;
let web: { address: string };
let shop: { address: string };
let blue: { address: string };

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "local", uplink: false }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/24", signal);
  await stage.network("shop", "--kind vxlan --subnet 10.21.0.0/24", signal);
  await stage.holdfast("tenant create blue", signal);
  await stage.network("web", "--tenant blue --kind vlan --vlan 101 --subnet 10.22.0.0/24", signal);
  web = await serve(stage.h1, "web-1", { network: "web" }, signal);
  shop = await serve(stage.h1, "shop-1", { network: "shop" }, signal);
  blue = await serve(stage.h1, "blue-1", { network: "web.blue" }, signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** A container that serves its own name over HTTP. */
async function serve(
  host: LabHost,
  name: string,
  options: { network: string; words?: readonly string[] },
  signal: AbortSignal,
): Promise<{ address: string }> {
  const command = ["sh", "-c", `echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`];
  return await stage.run(host, name, { ...options, command }, signal);
}

const GET = ["timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-"];

/** What a machine of the lab is served at `ADDRESS` or `ADDRESS:PORT`; empty when nobody answers. */
async function served(by: Pick<LabSpace, "tryExec">, place: string, signal: AbortSignal): Promise<string> {
  return (await by.tryExec([...GET, `http://${place}/`], { signal })).stdout.trim();
}

/** What a container is served. */
async function servedIn(host: LabHost, container: string, place: string, signal: AbortSignal): Promise<string> {
  const url = `http://${place}${place.includes("/") ? "" : "/"}`;
  const { stdout } = await host.tryExec(["docker", "exec", container, ...GET, url], { signal });
  return stdout.trim();
}

const managementOf = (host: LabHost) => String(host.managementAddress);

describe("a machine without an uplink", () => {
  test("reaches its containers by their addresses", async ({ signal }) => {
    expect(await served(stage.h1, web.address, signal)).toBe("web-1");
    expect(await served(stage.h1, shop.address, signal)).toBe("shop-1");
    expect(await served(stage.h1, blue.address, signal)).toBe("blue-1");
  });

  test("is the gateway of its containers, and is reached by them", async ({ signal }) => {
    const routes = await stage.h1.docker(["exec", "web-1", "ip", "route"], { signal });
    expect(routes).toContain("default via 10.20.0.1 dev eth0");
    expect(await stage.answers(stage.h1, "web-1", "10.20.0.1", signal)).toBe(true);
    expect(await stage.answers(stage.h1, "web-1", managementOf(stage.h1), signal)).toBe(true);
  });

  test("carries between two networks of one tenant", async ({ signal }) => {
    expect(await servedIn(stage.h1, "web-1", shop.address, signal)).toBe("shop-1");
    expect(await servedIn(stage.h1, "shop-1", web.address, signal)).toBe("web-1");
  });

  test("keeps tenants apart", async ({ signal }) => {
    const found = await Promise.all([
      servedIn(stage.h1, "web-1", blue.address, signal),
      servedIn(stage.h1, "blue-1", web.address, signal),
      stage.answers(stage.h1, "blue-1", shop.address, signal),
      stage.answers(stage.h1, "shop-1", blue.address, signal),
    ]);
    expect(found).toEqual(["", "", false, false]);
  });

  test("lets an endpoint that it routes to see who asks, of its tenant alone", async ({ signal }) => {
    await stage.network("pods", "--kind routed --subnet 10.23.0.0/24", signal);
    const who = "/www/cgi-bin/who";
    const script = `mkdir -p /www/cgi-bin && printf '#!/bin/sh\\necho; echo $REMOTE_ADDR\\n' > ${who} && chmod 755 ${who}`;
    const command = ["sh", "-c", `${script} && exec httpd -f -p 80 -h /www`];
    const pod = await stage.run(stage.h1, "pod-1", { network: "pods", command }, signal);
    const seen = await repeated(
      async () => (await servedIn(stage.h1, "web-1", `${pod.address}/cgi-bin/who`, signal)) || undefined,
      signal,
    );
    expect(seen.replace("::ffff:", "").replaceAll(/[[\]]/g, "")).toBe(web.address);
    expect(await servedIn(stage.h1, "pod-1", web.address, signal)).toBe("web-1");
    expect(await servedIn(stage.h1, "blue-1", pod.address, signal)).toBe("");
  });

  test("masquerades what leaves it", async ({ signal }) => {
    const ear = ["tcpdump", "-n", "-l", "--immediate-mode", "-i", "mgmt0", "icmp[icmptype] = icmp-echo"];
    const ready = { kind: "line", pattern: /listening on/ } as const;
    const { log } = await stage.h2.spawn(ear, { name: "ear", ready, signal });
    expect(await stage.answers(stage.h1, "web-1", managementOf(stage.h2), signal)).toBe(true);
    expect(await stage.answers(stage.h1, "blue-1", managementOf(stage.h2), signal)).toBe(true);
    await stage.h2.stop("ear", signal);
    const heard = (await stage.h2.exec(["cat", log.slice(stage.h2.folder.length)], { signal })).stdout;
    const sources = [...heard.matchAll(/IP ([0-9.]+) > /g)].map(([, source]) => source);
    expect(sources).toEqual([managementOf(stage.h1), managementOf(stage.h1)]);
  });

  test("does not masquerade between its own networks", async ({ signal }) => {
    const pid = await stage.h1.containerPid("shop-1", signal);
    const ear = [
      "nsenter",
      `--target=${pid}`,
      "--net",
      "tcpdump",
      "-n",
      "-l",
      "--immediate-mode",
      "-i",
      "eth0",
      "icmp",
    ];
    const ready = { kind: "line", pattern: /listening on/ } as const;
    const { log } = await stage.h1.spawn(ear, { name: "ear", ready, signal });
    expect(await stage.answers(stage.h1, "web-1", shop.address, signal)).toBe(true);
    await stage.h1.stop("ear", signal);
    const heard = (await stage.h1.exec(["cat", log.slice(stage.h1.folder.length)], { signal })).stdout;
    expect(heard).toContain(`${web.address} > ${shop.address}: ICMP echo request`);
  });
});

describe("a published port", () => {
  test("is reached from its machine, from another machine, and from containers", async ({ signal }) => {
    const published = { network: "web", words: ["--publish", "8080:80"] };
    const { address } = await serve(stage.h1, "front", published, signal);
    const place = `${managementOf(stage.h1)}:8080`;
    expect.soft(await served(stage.h1, place, signal)).toBe("front");
    expect.soft(await served(stage.h1, "127.0.0.1:8080", signal)).toBe("front");
    expect.soft(await served(stage.h2, place, signal)).toBe("front");
    expect.soft(await served(stage.lab.control, place, signal)).toBe("front");
    expect.soft(await servedIn(stage.h1, "web-1", place, signal)).toBe("front");
    expect.soft(await servedIn(stage.h1, "blue-1", place, signal)).toBe("front");
    expect.soft(await served(stage.h1, address, signal)).toBe("front");
    const rules = (await stage.h1.exec(["nft", "list", "table", "inet", "holdfast"], { signal })).stdout;
    expect(rules).toContain(`tcp . 8080 : ${address} . 80`);
  });

  test("stays when the agent is killed, and is the same after its restart", async ({ signal }) => {
    const place = `${managementOf(stage.h1)}:8080`;
    const rules = async () =>
      (await stage.h1.exec(["nft", "--handle", "list", "table", "inet", "holdfast"], { signal })).stdout;
    const before = await rules();
    await killed(stage.h1, "agent", signal);
    expect(await served(stage.h2, place, signal)).toBe("front");
    await stage.platform.startAgent(stage.h1, signal);
    await agentInStep(stage.h1, signal);
    expect(await rules()).toBe(before);
    expect(await served(stage.h2, place, signal)).toBe("front");
  });

  test("of one address of the machine is reached at that address only", async ({ signal }) => {
    const words = ["--publish", "127.0.0.1:8081:80"];
    await serve(stage.h1, "inner", { network: "web", words }, signal);
    expect(await served(stage.h1, "127.0.0.1:8081", signal)).toBe("inner");
    expect(await served(stage.h1, `${managementOf(stage.h1)}:8081`, signal)).toBe("");
    expect(await served(stage.h2, `${managementOf(stage.h1)}:8081`, signal)).toBe("");
  });

  test("that is taken is refused, with port and holder named", async ({ signal }) => {
    const text = await stage.runRefused(stage.h1, "second", "--network web --publish 8080:80", signal);
    const holder = (await listContainers(stage.h1, signal)).find(({ name }) => name === "front");
    expect(text).toContain(`published by endpoint ${holder?.endpoint.slice(0, 12)} already (8080/tcp)`);
    expect(await served(stage.h2, `${managementOf(stage.h1)}:8080`, signal)).toBe("front");
  });

  test("goes with its container", async ({ signal }) => {
    await stage.h1.docker(["rm", "--force", "front"], { signal });
    expect(await served(stage.h2, `${managementOf(stage.h1)}:8080`, signal)).toBe("");
    await repeated(async () => {
      const rules = (await stage.h1.exec(["nft", "list", "table", "inet", "holdfast"], { signal })).stdout;
      return rules.includes("8080") ? undefined : true;
    }, signal);
    await serve(stage.h1, "front", { network: "shop", words: ["--publish", "8080:80"] }, signal);
    expect(await served(stage.h2, `${managementOf(stage.h1)}:8080`, signal)).toBe("front");
  });
});
