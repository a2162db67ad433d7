import { IpAddress, isHoldfastError, Name } from "@holdfast/core";
import { addressOf, type LabHost } from "@holdfast/lab";
import { routes } from "@holdfast/model";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { listContainers } from "./docker.ts";
import { killed, readMachine, repeated, settledMachine } from "./machine.ts";
import { Stage } from "./stage.ts";

const TENANT = Name.parse("default");
const WEB = Name.parse("web");

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  const flags = { agentFlags: ["--beat", "500ms"], controllerFlags: ["--node-timeout", "3s"] };
  stage = await Stage.create({ title: "defects", vlans: { 100: ["10.20.0.1/16"] }, ...flags }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("dual", "--kind vxlan --subnet 10.40.0.0/24 --subnet fd00:40::/64", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

afterEach(async () => {
  const signal = AbortSignal.timeout(30_000);
  for (const host of stage.lab.hosts) {
    const names = (await listContainers(host, signal)).map(({ name }) => name);
    if (names.length > 0) await host.docker(["rm", "--force", ...names], { signal });
  }
  await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
});

/** What runs serves the name of its container over HTTP, so that it can be told who answers. */
const named = (name: string) => ["sh", "-c", `echo ${name} > /www/index.html && exec httpd -f -p 80 -h /www`] as const;

/** Who answers at an address, asked by the router; undefined when nobody does. */
async function whoAnswers(address: string, signal: AbortSignal): Promise<string | undefined> {
  const get = ["timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-", `http://${address}/`];
  const { code, stdout } = await stage.lab.router.tryExec(get, { signal });
  return code === 0 ? stdout.trim() : undefined;
}

async function serve(host: LabHost, name: string, address: string, signal: AbortSignal) {
  const { mac } = await stage.run(
    host,
    name,
    { network: "web", address, command: named(`${name} on ${host.name}`) },
    signal,
  );
  await repeated(async () => await whoAnswers(address, signal), signal);
  return mac;
}

async function claimAddress(identity: string, address: string, signal: AbortSignal) {
  const body = { identity, addresses: [address] };
  const params = { tenant: TENANT, network: WEB };
  return await stage.platform.client.call(routes.createClaim, { params, body }, { signal });
}

describe("an address that is asked for", () => {
  test("is refused to a second container of the machine, with its owner named", async ({ signal }) => {
    const { address } = await stage.claim("redis-1", "web", signal);
    await serve(stage.h1, "redis-1", address, signal);
    // Docker before version 29 tells a container's name only to those who ask for it.
    await stage.bookHas(({ endpoints }) => endpoints.find(({ workload }) => workload.container === "redis-1"), signal);
    const text = await stage.runRefused(stage.h1, "thief", `--network web --ip ${address}`, signal);
    expect(text).toContain(`${address} of redis-1 is in use on this node (h1) by container redis-1`);
    expect(await whoAnswers(address, signal)).toBe("redis-1 on host-1");
  });

  test("is refused on another machine, with owner and node named", async ({ signal }) => {
    const { address } = await stage.claim("redis-2", "web", signal);
    await serve(stage.h1, "redis-2", address, signal);
    const text = await stage.runRefused(stage.h2, "thief", `--network web --ip ${address}`, signal);
    expect(text).toMatch(new RegExp(`redis-2 \\(${address}\\) is bound on node h1 by endpoint e-[0-9a-f]+ since `));
    expect(await whoAnswers(address, signal)).toBe("redis-2 on host-1");
  });

  test("is refused to another claim, with its owner named", async ({ signal }) => {
    const { address } = await stage.claim("redis-3", "web", signal);
    const { stderr, code } = await stage.tryHoldfast(
      ["claim", "create", "thief", "--network", "web", "--address", address],
      signal,
    );
    expect(code).not.toBe(0);
    expect(stderr).toContain(`${address} belongs to redis-3`);
  });

  test("by docker run --ip is reserved in the controller's book at once", async ({ signal }) => {
    const address = "10.20.9.9";
    await stage.run(stage.h1, "plain", { network: "web", address }, signal);
    const story = await stage.holdfast(`ip explain ${address}`, signal);
    expect(story).toMatch(/10\.20\.9\.9 is used by ephemeral\/e-[0-9a-f]+ on node h1/);
    await expect(claimAddress("thief", address, signal)).rejects.toSatisfy(
      (error) => isHoldfastError(error, "address_in_use") && /on node h1/.test(error.message),
    );
  });

  test("by many at once goes to one of them", async ({ signal }) => {
    const address = "10.20.9.10";
    const runs = Array.from({ length: 6 }, async (_, index) => {
      const host = stage.lab.host(1 + (index % 2));
      const words = ["run", "--detach", "--name", `rival-${index}`, "--network", "web", "--ip", address];
      return await host.tryExec(["docker", ...words, "holdfast/busybox", "sleep", "9999"], { signal });
    });
    const claims = Array.from({ length: 4 }, async (_, index) => await claimAddress(`rival-${index}`, address, signal));
    const [ran, claimed] = await Promise.all([Promise.all(runs), Promise.allSettled(claims)]);
    const running = ran.filter(({ code }) => code === 0).length;
    const made = claimed.filter(({ status }) => status === "fulfilled").length;
    // A claim that comes first may be bound by the one container that comes next.
    expect([running, made]).toEqual([1, expect.toBeOneOf([0, 1])]);
    const { claims: held, endpoints } = await stage.bookHas((book) => book, signal);
    const wanted = IpAddress.parse(address);
    expect(held.filter(({ addresses }) => addresses.includes(wanted))).toHaveLength(1);
    expect(endpoints.filter(({ addresses }) => addresses.includes(wanted))).toHaveLength(1);
  });
});

describe("an address that is given back", () => {
  test("leaves nothing, run after run", async ({ signal }) => {
    const before = await stage.bookHas((book) => book, signal);
    const rounds = stage.lab.hosts.map(async (host) => {
      for (let round = 0; round < 8; round++) {
        await stage.run(host, "short", { network: "web" }, signal);
        await host.docker(["rm", "--force", "short"], { signal });
      }
    });
    await Promise.all(rounds);
    const after = await stage.bookHas((book) => (book.endpoints.length === 0 ? book : undefined), signal);
    expect(after.claims).toEqual(before.claims);
    for (const host of stage.lab.hosts) {
      const machine = await settledMachine(host, 0, signal);
      expect([machine.flowing, machine.labels.size]).toEqual([[], 0]);
    }
    const refused = await stage.h1.tryExec(["grep", "-c", "IpamDriver.ReleaseAddress", "/run/log/agent.log"], {
      signal,
    });
    expect(refused.stdout.trim()).toBe("0");
  });

  test("is given back by many at once, and none is given twice", async ({ signal }) => {
    const names = Array.from({ length: 8 }, (_, index) => `crowd-${index}`);
    const hostOf = (index: number) => stage.lab.host(1 + (index % 2));
    const given = await Promise.all(
      names.map(async (name, index) => (await stage.run(hostOf(index), name, { network: "web" }, signal)).address),
    );
    expect(new Set(given).size).toBe(names.length);
    await Promise.all(
      names.map(async (name, index) => await hostOf(index).docker(["rm", "--force", name], { signal })),
    );
    const { claims } = await stage.bookHas((book) => (book.endpoints.length === 0 ? book : undefined), signal);
    expect(claims.filter(({ retention }) => retention.kind === "ephemeral")).toEqual([]);
  });

  test("is not given to the next one, and is kept from others for a while", async ({ signal }) => {
    const { address } = await stage.run(stage.h1, "first", { network: "web" }, signal);
    await stage.h1.docker(["rm", "--force", "first"], { signal });
    await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
    const next = await stage.run(stage.h1, "second", { network: "web" }, signal);
    expect(next.address).not.toBe(address);
    const text = await stage.runRefused(stage.h2, "third", `--network web --ip ${address}`, signal);
    expect(text).toMatch(new RegExp(`${address} belonged to ephemeral/e-[0-9a-f]+ and rests until `));
  });

  test("is given back in both families", async ({ signal }) => {
    await stage.run(stage.h1, "both", { network: "dual" }, signal);
    const { endpoints } = await stage.bookHas((book) => (book.endpoints.length === 1 ? book : undefined), signal);
    const [v4, v6] = endpoints[0]?.addresses ?? [];
    expect([v4, v6]).toEqual([expect.stringMatching(/^10\.40\.0\./), expect.stringMatching(/^fd00:40::/)]);
    const inside = await stage.h1.docker(["exec", "both", "ip", "-6", "address", "show", "dev", "eth0"], { signal });
    expect(inside).toContain(`${v6}/64`);
    await stage.run(stage.h2, "other", { network: "dual" }, signal);
    expect(await stage.answers(stage.h2, "other", String(v4), signal)).toBe(true);
    expect(await stage.answers(stage.h2, "other", String(v6), signal)).toBe(true);
    await stage.h1.docker(["rm", "--force", "both"], { signal });
    await stage.h2.docker(["rm", "--force", "other"], { signal });
    await stage.bookHas((book) => (book.endpoints.length === 0 ? true : undefined), signal);
    for (const address of [v4, v6]) {
      expect(await stage.holdfast(`ip explain ${address}`, signal)).toContain("was released by ephemeral/");
    }
  });

  test("does not touch the record of the network", async ({ signal }) => {
    const params = { tenant: TENANT, network: WEB };
    const before = await stage.platform.client.call(routes.getNetwork, { params }, { signal });
    await stage.run(stage.h1, "short", { network: "web" }, signal);
    await stage.h1.docker(["rm", "--force", "short"], { signal });
    await stage.bookHas((book) => (book.endpoints.length === 0 ? true : undefined), signal);
    expect(await stage.platform.client.call(routes.getNetwork, { params }, { signal })).toEqual(before);
  });

  test("runs out across a restart of the controller", async ({ signal }) => {
    await stage.holdfast("claim create job-1 --network web --retention sticky:2s", signal);
    const { addresses } = await stage.getClaim("job-1", "web", signal);
    const address = String(addresses[0]);
    await stage.run(stage.h1, "job-1", { network: "web", address }, signal);
    await stage.h1.docker(["rm", "--force", "job-1"], { signal });
    await stage.bookHas((book) => (book.endpoints.length === 0 ? true : undefined), signal);
    await killed(stage.lab.control, "controller", signal);
    await stage.platform.startController(signal);
    const gone = ({ claims }: { claims: readonly { identity: string }[] }) =>
      claims.some(({ identity }) => identity === "job-1") ? undefined : true;
    await stage.bookHas(gone, AbortSignal.any([signal, AbortSignal.timeout(10_000)]));
    expect(await stage.holdfast(`ip explain ${address}`, signal)).toMatch(/expired +job-1/);
  });
});

describe("a claim", () => {
  test("keeps address and MAC when its container is removed and started elsewhere", async ({ signal }) => {
    const { address, mac } = await stage.claim("mysql-1", "web", signal);
    expect(await serve(stage.h1, "mysql-1", address, signal)).toBe(mac);
    await stage.h1.docker(["rm", "--force", "mysql-1"], { signal });
    expect(await stage.getClaim("mysql-1", "web", signal)).toMatchObject({ addresses: [address], mac });
    expect(await serve(stage.h2, "mysql-1", address, signal)).toBe(mac);
    expect(await whoAnswers(address, signal)).toBe("mysql-1 on host-2");
    await stage.h2.docker(["rm", "--force", "mysql-1"], { signal });
    expect(await serve(stage.h1, "mysql-1", address, signal)).toBe(mac);
    expect(await whoAnswers(address, signal)).toBe("mysql-1 on host-1");
  });

  test("is checked against the identity that docker is told", async ({ signal }) => {
    const { address } = await stage.claim("mysql-2", "web", signal);
    const words = (identity: string) => `--network name=web,ip=${address},driver-opt=holdfast.identity=${identity}`;
    const text = await stage.runRefused(stage.h1, "mysql-2", words("mysql-9"), signal);
    expect(text).toContain(`${address} belongs to mysql-2, not to mysql-9`);
    const run = ["run", "--detach", "--name", "mysql-2", ...words("mysql-2").split(" ")];
    await stage.h1.docker([...run, "holdfast/busybox", "sleep", "9999"], { signal });
    expect((await addressOf(stage.h1, "mysql-2", "web", signal)).address).toBe(address);
  });

  test("is moved by force: its old container is cut off, and this is recorded", async ({ signal }) => {
    const { address } = await stage.claim("mysql-3", "web", signal);
    await serve(stage.h1, "mysql-3", address, signal);
    const { stderr } = await stage.tryHoldfast(["claim", "move", "mysql-3", "--network", "web"], signal);
    expect(stderr).toMatch(/mysql-3 .* is bound on node h1 .*--force/);
    await stage.tryHoldfast(
      ["claim", "move", "mysql-3", "--network", "web", "--node", "h2", "--force", "--reason", "h1 goes away"],
      signal,
    );
    await repeated(async () => ((await readMachine(stage.h1, signal)).endpoints.size === 0 ? true : undefined), signal);
    expect(await whoAnswers(address, signal)).toBeUndefined();
    expect(await stage.runRefused(stage.h1, "again", `--network web --ip ${address}`, signal)).toMatch(
      /mysql-3 is held for node h2/,
    );
    await serve(stage.h2, "mysql-3", address, signal);
    expect(await stage.holdfast(`ip explain ${address}`, signal)).toMatch(/moved +mysql-3 +h1 +operator +h1 goes away/);
    // Docker gives the address back for the old container, whose it is no more.
    await stage.h1.docker(["rm", "--force", "mysql-3"], { signal });
    expect(await whoAnswers(address, signal)).toBe("mysql-3 on host-2");
    expect(await stage.getClaim("mysql-3", "web", signal)).toMatchObject({ binding: { node: "h2" } });
  });
});

describe("a claim whose node has fallen silent", () => {
  test("starts elsewhere after the node timeout, and its old container is taken off the wire", async ({ signal }) => {
    const { address } = await stage.claim("mysql-4", "web", signal);
    await serve(stage.h1, "mysql-4", address, signal);
    const witness = await stage.run(stage.h1, "witness", { network: "web" }, signal);
    await stage.endpointIn(address, "active", signal);
    await stage.lab.cut(stage.h1, ["uplink", "management"], signal);
    await killed(stage.h1, "agent", signal);
    expect(await stage.runRefused(stage.h2, "mysql-4", `--network web --ip ${address}`, signal)).toMatch(
      /mysql-4 .* is bound on node h1/,
    );
    await repeated(
      async () => {
        const { nodes } = await stage.bookHas((book) => book, signal);
        return nodes.find(({ name }) => name === "h1")?.state === "silent" ? true : undefined;
      },
      signal,
      200,
    );
    await serve(stage.h2, "mysql-4", address, signal);
    expect(await stage.holdfast(`ip explain ${address}`, signal)).toMatch(
      /moved +mysql-4 +h1 +node\/h2 +node h1 was silent for \d+ s, wanted on node h2/,
    );
    expect([...(await readMachine(stage.h1, signal)).endpoints]).toHaveLength(2);

    await stage.lab.mend(stage.h1, ["uplink", "management"], signal);
    await stage.platform.startAgent(stage.h1, signal);
    const left = await repeated(async () => {
      const machine = await readMachine(stage.h1, signal);
      return machine.endpoints.size === 1 && machine.flowing.length === 1 ? machine : undefined;
    }, signal);
    const { endpoints } = await stage.bookHas((book) => book, signal);
    expect([...left.endpoints.values()]).toEqual(
      endpoints.filter(({ node }) => node === "h1").map(({ id }) => String(id)),
    );
    expect(await stage.answersRouter(witness.address, signal)).toBe(true);
    // The old container runs, and reaches nobody.
    expect(await stage.answers(stage.h1, "mysql-4", "10.20.0.1", signal)).toBe(false);
    for (let round = 0; round < 5; round++) {
      await stage.lab.router.tryExec(["ip", "neigh", "flush", "dev", "vlan100"], { signal });
      expect(await whoAnswers(address, signal)).toBe("mysql-4 on host-2");
    }
    await stage.h1.docker(["rm", "--force", "mysql-4"], { signal });
    expect(await whoAnswers(address, signal)).toBe("mysql-4 on host-2");
  });
});
