import { Cidr, IpAddress, systemClock } from "@holdfast/core";
import { routes } from "@holdfast/model";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { listContainers } from "./docker.ts";
import { agentInStep, killed } from "./machine.ts";
import { Stage } from "./stage.ts";

let stage: Stage;
/** Prefix by node. */
const blocks = new Map<string, Cidr>();
/** Address by container. */
const addresses = new Map<string, string>();

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "blocks", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("web", "--kind vlan --vlan 100 --subnet 10.20.0.0/16 --node-blocks 16", signal);
  while (blocks.size < 2) {
    const { items } = await stage.platform.client.call(routes.listBlocks, {}, { signal });
    for (const { node, prefix } of items) blocks.set(node, prefix);
    await systemClock.wait(20, signal);
  }
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

async function run(node: "h1" | "h2", name: string, signal: AbortSignal): Promise<string> {
  const { address } = await stage.run(stage[node], name, { network: "web" }, signal);
  expect.soft(Cidr.contains(blocks.get(node) ?? Cidr.parse("::/0"), IpAddress.parse(address))).toBe(true);
  addresses.set(name, address);
  return address;
}

describe("while no controller answers", () => {
  test("containers without a claim start on every node, each with an address of its node's block", async ({
    signal,
  }) => {
    const before = await run("h1", "before-1", signal);
    await stage.endpointIn(before, "active", signal);
    await killed(stage.lab.control, "controller", signal);
    for (const [node, name] of [
      ["h1", "job-1"],
      ["h2", "job-2"],
      ["h1", "job-3"],
    ] as const) {
      expect(await stage.answersRouter(await run(node, name, signal), signal)).toBe(true);
    }
    expect(new Set(addresses.values()).size).toBe(addresses.size);
  });

  test("an address that a container has left is not given to the next one", async ({ signal }) => {
    const left = addresses.get("job-3");
    await stage.h1.docker(["rm", "--force", "job-3"], { signal });
    addresses.delete("job-3");
    expect(await run("h1", "job-4", signal)).not.toBe(left);
  });

  test("an agent that is killed as well gives nothing twice", async ({ signal }) => {
    await killed(stage.h1, "agent", signal);
    await stage.platform.startAgent(stage.h1, signal);
    expect(await stage.answersRouter(await run("h1", "job-5", signal), signal)).toBe(true);
    expect(new Set(addresses.values()).size).toBe(addresses.size);
  });
});

describe("when the controller is back", () => {
  test("its book agrees with what runs, and no address is there twice", async ({ signal }) => {
    await stage.platform.startController(signal);
    for (const host of stage.lab.hosts) await agentInStep(host, signal);
    const { endpoints, claims } = await stage.bookHas((book) => {
      const active = book.endpoints.filter(({ phase }) => phase === "active");
      return active.length === addresses.size && book.endpoints.length === addresses.size ? book : undefined;
    }, signal);
    const inBook = endpoints.flatMap((endpoint) => endpoint.addresses as readonly string[]);
    expect(inBook.toSorted()).toEqual([...addresses.values()].toSorted());
    const shown = await Promise.all(stage.lab.hosts.map(async (host) => await listContainers(host, signal)));
    expect(
      shown
        .flat()
        .flatMap(({ address }) => address)
        .toSorted(),
    ).toEqual(inBook.toSorted());
    expect(claims.map(({ identity }) => identity).toSorted()).toEqual(
      endpoints.map(({ id }) => `ephemeral/${id}`).toSorted(),
    );
  });

  test("ip explain tells who has an address, also what came and went unseen, and whose the free ones are", async ({
    signal,
  }) => {
    const address = addresses.get("job-1") ?? "";
    const story = await stage.holdfast(`ip explain ${address}`, signal);
    expect(story).toMatch(new RegExp(`${address} is used by ephemeral/e-[0-9a-f]+ on node h1`));
    expect(story).toContain("given by the node from its block");
    const free = `${Cidr.last(blocks.get("h2") ?? Cidr.parse("::/0"))}`;
    expect(await stage.holdfast(`ip explain ${free}`, signal)).toContain(
      `${free} is set aside for node h2 (block ${blocks.get("h2")}`,
    );
    const list = await stage.holdfast("network blocks web", signal);
    expect(list).toMatch(new RegExp(`default +web +${blocks.get("h1")} +h1 +4 of 16`));
    expect(list).toMatch(new RegExp(`default +web +${blocks.get("h2")} +h2 +1 of 16`));
  });

  test("an address of one node's block is refused to a container of another, with the node named", async ({
    signal,
  }) => {
    const free = `${Cidr.last(blocks.get("h1") ?? Cidr.parse("::/0"))}`;
    const text = await stage.runRefused(stage.h2, "thief", `--network web --ip ${free}`, signal);
    expect(text).toContain(`${free} is set aside for node h1 (block ${blocks.get("h1")})`);
  });
});
