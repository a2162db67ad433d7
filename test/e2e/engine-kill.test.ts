import { setTimeout as pause } from "node:timers/promises";
import { seededRandom } from "@holdfast/core/testing";
import type { LabHost } from "@holdfast/lab";
import { routes } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Book } from "./book.ts";
import { listContainers, type SeenContainer } from "./docker.ts";
import { readFlows } from "./flows.ts";
import { agentInStep, type Machine, readMachine, repeated } from "./machine.ts";
import { Stage } from "./stage.ts";

const SEED = Number(process.env.HOLDFAST_E2E_SEED ?? Math.floor(Math.random() * 1_000_000));
const KILLS_PER_HOST = 25;
/** Milliseconds that `docker run` and `docker rm` take, until it is known how long they take here; later kills hit an idle dockerd. */
const LONGEST = { run: 700, rm: 350 };

/** Ends at once when it is told to: a dockerd that comes back waits 10 s for containers that do not. */
const OBEDIENT = "trap 'exit 0' TERM; sleep 9999 & wait";

let stage: Stage;
const claims: { identity: string; address: string }[] = [];

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "engine", vlans: { 100: ["10.20.0.1/24"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/24", signal);
  for (let number = 0; number < 5; number++) {
    const identity = `redis-${number}`;
    claims.push({ identity, address: (await stage.claim(identity, "web", signal)).address });
  }
  // The containers of the first host die with its dockerd, those of the second live on.
  const script = `mkdir -p /etc/docker && echo '{"live-restore":true}' > /etc/docker/daemon.json`;
  await stage.h2.exec(["/bin/sh", "-ec", script], { signal });
  await stage.lab.kill(stage.h2, "dockerd", signal);
  await stage.lab.start(stage.h2, "dockerd", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

/** Follows the book, and notes every moment at which two endpoints have one address. */
async function watchForDoubles(doubles: string[], signal: AbortSignal): Promise<void> {
  const held = new Map<string, readonly string[]>();
  const { client } = stage.platform;
  for await (const event of client.stream(routes.watch, { query: { kinds: "endpoint" } }, { signal })) {
    if (event.type === "delete") held.delete(event.key.endpoint ?? "");
    if (event.type !== "put" || event.kind !== "endpoint") continue;
    const { id, addresses, phase } = event.object;
    for (const [other, theirs] of held) {
      const shared = addresses.find((address) => theirs.includes(address));
      if (other !== id && shared !== undefined) doubles.push(`${shared} has ${other} and ${id}`);
    }
    if (phase === "released") held.delete(id);
    else held.set(id, addresses);
  }
}

/** Addresses that a host answers for with endpoints of its own. */
async function answeredBy(host: LabHost, signal: AbortSignal): Promise<readonly string[]> {
  const keys = [...(await readFlows(host, signal)).keys()];
  return keys.flatMap((key) => /^table=20, priority=100,arp,reg0=.*arp_tpa=([0-9.]+)/.exec(key)?.[1] ?? []);
}

interface Act {
  readonly kind: keyof typeof LONGEST;
  readonly words: readonly string[];
}

/** The next thing that Docker is told to do. */
function nextAct(containers: readonly SeenContainer[], number: string, random: () => number): Act {
  const victim = pick(random, containers);
  if (victim !== undefined && (random() < 0.5 || containers.length >= 4)) {
    return { kind: "rm", words: ["rm", "--force", victim.name] };
  }
  const claim = random() < 0.6 ? pick(random, claims) : undefined;
  const ip = claim === undefined ? [] : ["--ip", claim.address];
  const run = ["run", "--detach", "--name", `c-${number}`, "--network", "web", ...ip];
  return { kind: "run", words: [...run, "holdfast/busybox", "sh", "-c", OBEDIENT] };
}

interface Torment {
  readonly doubles: string[];
  /** How many acts were cut short. */
  cut: number;
}

/** Kills dockerd at random moments of its work and starts it again. */
async function torment(host: LabHost, random: () => number, signal: AbortSignal): Promise<Torment> {
  const result: Torment = { doubles: [], cut: 0 };
  const longest = { ...LONGEST };
  const { doubles } = result;
  for (let kill = 0; kill < KILLS_PER_HOST; kill++) {
    const containers = await listContainers(host, signal);
    const addresses = containers.filter(({ running }) => running).flatMap(({ address }) => address);
    if (new Set(addresses).size < addresses.length) doubles.push(`on ${host.name}: ${addresses.join(" ")}`);
    const { kind, words } = nextAct(containers, `${host.number}-${kill}`, random);
    const begun = performance.now();
    let took = Number.POSITIVE_INFINITY;
    const act = host.tryExec(["docker", ...words], { signal }).finally(() => {
      took = performance.now() - begun;
    });
    await pause(random() * longest[kind], undefined, { signal });
    // One that was over has shown how long they take.
    longest[kind] = Math.min(longest[kind], (longest[kind] + took) / 2);
    await stage.lab.kill(host, "dockerd", signal);
    const { code, stderr } = await act;
    if (code !== 0 && /EOF|during connect|Cannot connect/.test(stderr)) result.cut += 1;
    await stage.lab.start(host, "dockerd", signal);
    const [first = [], second = []] = await Promise.all(stage.lab.hosts.map((each) => answeredBy(each, signal)));
    const shared = first.filter((address) => second.includes(address));
    if (shared.length > 0) doubles.push(`both hosts answer for ${shared.join(" ")}`);
  }
  return result;
}

/** What does not agree between the book, one host's docker and its data path. */
function disagreements(host: LabHost, book: Book, seen: { containers: readonly SeenContainer[]; machine: Machine }) {
  const { containers, machine } = seen;
  const running = containers.filter((container) => container.running);
  const own = book.endpoints.filter(({ node }) => node === `h${host.number}`);
  const inBook = own.map(
    ({ workload, addresses, mac, phase }) => `${workload.endpoint} ${addresses.join()} ${mac} ${phase}`,
  );
  const inDocker = running.map(({ endpoint, address, mac }) => `${endpoint} ${address.join()} ${mac} active`);
  const { endpoints, labels, ports, spares, leaving, flowing, peers } = machine;
  const ids = own.map(({ id }) => id).sort();
  const compared: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["book and docker", inBook.sort(), inDocker.sort()],
    ["links of endpoints", [...endpoints.values()].sort(), ids],
    ["labels in the switch", [...labels.values()].sort(), ids],
    ["ports", [...ports].sort(), [...endpoints.keys(), ...spares].sort()],
    ["flows", [...flowing].sort(), [...endpoints.keys()].sort()],
    ["links on their way out", leaving, []],
    ["ends for sandboxes", [...peers].sort(), spares.map((name) => name.replace("hfp", "hfc")).sort()],
  ];
  return compared.flatMap(([what, is, wanted]) =>
    JSON.stringify(is) === JSON.stringify(wanted)
      ? []
      : `${host.name}: ${what}: ${JSON.stringify(is)} is not ${JSON.stringify(wanted)}`,
  );
}

function wrongClaims({ claims: held, endpoints }: Book): readonly string[] {
  const reserved = held.filter(({ retention }) => retention.kind === "reserved").map(({ identity }) => identity);
  const known = claims.map(({ identity }) => identity);
  const astray = held.flatMap(({ identity, binding, retention, addresses }) => {
    const bound = endpoints.some(({ id, node }) => id === binding?.endpoint && node === binding.node);
    if (binding === undefined ? retention.kind === "reserved" : bound) return [];
    return `claim ${identity} of ${addresses.join(" ")} is kept for nothing`;
  });
  return [...astray, ...(reserved.sort().join() === known.sort().join() ? [] : [`claims are ${reserved.join(" ")}`])];
}

/** Waits until nothing disagrees any more; when time runs out, the disagreements are what the test shows. */
async function untilAgreed(milliseconds: number, signal: AbortSignal): Promise<readonly string[]> {
  const deadline = performance.now() + milliseconds;
  return await repeated(
    async () => {
      const book = await stage.bookHas((content) => content, signal);
      const perHost = await Promise.all(
        stage.lab.hosts.map(async (host) => {
          const [containers, machine] = await Promise.all([listContainers(host, signal), readMachine(host, signal)]);
          return disagreements(host, book, { containers, machine });
        }),
      );
      const all = [...perHost.flat(), ...wrongClaims(book)];
      return all.length === 0 || performance.now() > deadline ? all : undefined;
    },
    signal,
    1000,
  );
}

describe(`dockerd killed at ${2 * KILLS_PER_HOST} random points of run and rm (HOLDFAST_E2E_SEED=${SEED})`, () => {
  const doubles: string[] = [];

  test("gives no address twice", async ({ signal }) => {
    const over = new AbortController();
    const watching = watchForDoubles(doubles, AbortSignal.any([signal, over.signal])).catch((error: unknown) => {
      if (!over.signal.aborted) throw error;
    });
    const found = await Promise.all(
      stage.lab.hosts.map((host) => torment(host, seededRandom(SEED + host.number), signal)),
    );
    over.abort();
    await watching;
    expect([...doubles, ...found.flatMap((each) => each.doubles)]).toEqual([]);
    expect(found.reduce((sum, { cut }) => sum + cut, 0)).toBeGreaterThan(KILLS_PER_HOST / 2);
  });

  test("leaves book, docker and data path in agreement", async ({ signal }) => {
    expect(await untilAgreed(75_000, signal)).toEqual([]);
  });

  test("leaves nothing behind once its containers are removed", async ({ signal }) => {
    for (const host of stage.lab.hosts) {
      const names = (await listContainers(host, signal)).map(({ name }) => name);
      if (names.length > 0) await host.docker(["rm", "--force", ...names], { signal });
    }
    expect(await untilAgreed(60_000, signal)).toEqual([]);
    const { endpoints, claims: held } = await stage.bookHas((book) => book, signal);
    expect(endpoints).toEqual([]);
    expect(held.map(({ identity }) => String(identity)).sort()).toEqual(claims.map(({ identity }) => identity));
  });

  test("leaves every claim able to start, on either host", async ({ signal }) => {
    for (const host of stage.lab.hosts) await agentInStep(host, signal);
    for (const [index, { identity, address }] of claims.entries()) {
      const host = stage.lab.host(1 + (index % 2));
      expect((await stage.run(host, identity, { network: "web", address }, signal)).address).toBe(address);
      expect(await stage.answersRouter(address, signal)).toBe(true);
    }
  });

  test("leaves no endpoint in docker's own books: the network can be removed", async ({ signal }) => {
    const removeAll = async (host: LabHost) => {
      const names = (await listContainers(host, signal)).map(({ name }) => name);
      await host.docker(["rm", "--force", ...names], { signal });
    };
    await Promise.all(stage.lab.hosts.map(removeAll));
    await stage.bookHas(({ endpoints }) => (endpoints.length === 0 ? true : undefined), signal);
    const words = claims.map(({ identity }) => `claim delete ${identity} --network web`);
    await Promise.all(words.map((line) => stage.holdfast(line, signal)));
    await stage.holdfast("network delete web", signal);
    // The agents remove it from docker, which refuses as long as it believes in an endpoint.
    for (const host of stage.lab.hosts) {
      await repeated(async () => {
        const names = await host.docker(["network", "ls", "--format", "{{.Name}}"], { signal });
        return names.split("\n").includes("web") ? undefined : true;
      }, signal);
    }
  });
});

/** One of several things. */
function pick<T>(random: () => number, things: readonly T[]): T | undefined {
  return things[Math.floor(random() * things.length)];
}
