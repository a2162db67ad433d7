import type { Client } from "@holdfast/client";
import { Cidr, HoldfastError, type Identity, type IpAddress, MacAddress, Name, silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { NodeBlock, WiredNetwork } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { afterEach, describe, expect, test } from "vitest";
import { createBlockAddresses } from "./block-addresses.ts";
import { createBlockKeeper } from "./block-keeper.ts";
import { openBook } from "./book.ts";
import { FakeDriver } from "./testing/fake-driver.ts";

const NODE = Name.parse("h1");
const WEB = { tenant: Name.parse("default"), network: Name.parse("web") };
const SPARE = 600_000;
const at = (last: number) => `10.20.0.${last}` as IpAddress;

function block(first: number): NodeBlock {
  const ranges = [{ first: at(first), last: at(first + 3) }];
  const prefix = Cidr.parse(`10.20.0.${first}/30`);
  return { ...WEB, prefix, node: NODE, lease: `b-${first}`, ranges, since: "2026-01-01T00:00:00.000Z", revision: 1 };
}

const stops: AbortController[] = [];
afterEach(() => {
  for (const stop of stops.splice(0)) stop.abort();
});

/** A keeper whose requests are listed, and answered as the test says. */
async function start(blocks: readonly NodeBlock[] = [], { off = false, used = [] as readonly number[] } = {}) {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const book = await openBook(store, () => "1", clock);
  const network: WiredNetwork = {
    id: "n1",
    tenant: WEB.tenant,
    name: WEB.network,
    kind: "vlan",
    segment: 100,
    mtu: 1500,
    subnets: [{ prefix: Cidr.parse("10.20.0.0/24") }],
    docker: true,
    ...(off ? {} : { nodeBlocks: { size: 4, cooldownSeconds: 0 } }),
  };
  await book.putNetwork(network);
  const requests: string[] = [];
  let answer: () => Promise<undefined> = () => Promise.resolve(undefined);
  const call = (route: { id: string }, { body }: { body: { prefix?: string; held?: string[] } }) => {
    requests.push(`${route.id} ${body.prefix ?? body.held?.join() ?? ""}`);
    return answer();
  };
  const addresses = createBlockAddresses(book, () => clock.now().getTime());
  const client = { call } as unknown as Client;
  const keeper = createBlockKeeper(
    {
      ...{ book, addresses, client, clock, logger: silentLogger, random: () => 0.5, inStep: () => true },
      driver: new FakeDriver(),
    },
    { node: NODE, spareMilliseconds: SPARE },
  );
  const stop = new AbortController();
  stops.push(stop);
  for (const one of blocks) {
    await keeper.take(one);
    clock.advance(1000);
  }
  const use = (last: number) =>
    book.putEndpoint({
      id: `e-${last}`,
      ...WEB,
      networkId: "n1",
      identity: `ephemeral/e-${last}` as Identity,
      ephemeral: true,
      epoch: 1,
      addresses: [at(last)],
      mac: MacAddress.ofAddress(at(last), 100),
      phase: "active",
      since: clock.now().getTime(),
      workload: { runtime: "docker" },
      requester: "r",
      grants: 1,
      ports: [],
      unreported: [],
      known: true,
    });
  for (const last of used) await use(last);
  book.whenFreed(() => keeper.freed());
  return {
    book,
    clock,
    store,
    keeper,
    requests,
    addresses,
    answerWith: (next: () => Promise<undefined>) => {
      answer = next;
    },
    use,
    run: () => void keeper.run(stop.signal),
    async settle() {
      for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

describe("the keeper of a node's blocks", () => {
  test("asks for one where there is none, and for another when a quarter is left, naming those that it has", async () => {
    const none = await start();
    none.run();
    await none.settle();
    expect(none.requests).toEqual(["leaseBlock "]);
    const node = await start([block(128)], { used: [128, 129] });
    node.run();
    await node.settle();
    expect(node.requests).toEqual([]);
    await node.use(130);
    node.keeper.look();
    await node.settle();
    expect(node.requests).toEqual(["leaseBlock b-128"]);
  });

  test("keeps one spare block, and gives back another when it has been empty for the time", async () => {
    const node = await start([block(128), block(132)]);
    node.clock.advance(SPARE - 2001);
    node.run();
    await node.settle();
    expect(node.requests).toEqual([]);
    node.clock.advance(1);
    await node.settle();
    expect(node.requests).toEqual(["returnBlock 10.20.0.128/30"]);
    node.clock.advance(10 * SPARE);
    await node.settle();
    expect(node.requests).toHaveLength(1);
    expect([...node.book.blocks.keys()]).toEqual(["b-132"]);
  });

  test("gives back no block with an address in use, also when the controller does not know of it", async () => {
    const node = await start([block(128)], { off: true, used: [129] });
    node.run();
    await node.settle();
    expect(node.requests).toEqual([]);
    await node.book.deleteEndpoint("e-129");
    await node.settle();
    node.clock.advance(100);
    await node.settle();
    expect(node.requests).toEqual(["returnBlock 10.20.0.128/30"]);
  });

  test("has it on disk that a block goes back before it says so, and gives nothing of it meanwhile", async () => {
    const node = await start([block(128)], { off: true });
    const seen: unknown[] = [];
    node.answerWith(async () => {
      seen.push(JSON.parse((await node.store.get("block/b-128"))?.value ?? "{}"));
      throw new HoldfastError("unavailable", "nobody answers");
    });
    node.run();
    await node.settle();
    expect(seen[0]).toMatchObject({ givingBack: true });
    expect(node.addresses.next("default/web", "v4", 0)).toBeUndefined();
  });

  test("does not believe an older word of a block that has ended", async () => {
    const node = await start([block(128)]);
    await node.keeper.drop("b-128");
    await node.keeper.take(block(128));
    expect([...node.book.blocks.keys()]).toEqual([]);
  });

  test("asks for the blocks of one network though another has none to give", async () => {
    const node = await start();
    const other = [...node.book.networks.values()][0] ?? expect.fail();
    await node.book.putNetwork({ ...other, id: "n2", name: Name.parse("other") });
    node.answerWith(() => Promise.reject(new HoldfastError("pool_exhausted", "no block is free")));
    node.run();
    await node.settle();
    expect(node.requests).toEqual(["leaseBlock ", "leaseBlock "]);
  });
});
