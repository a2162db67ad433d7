import { Cidr, type Identity, type IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { Phase } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test, vi } from "vitest";
import { createBlockAddresses } from "./block-addresses.ts";
import { openBook } from "./book.ts";
import type { HeldBlock } from "./held-block.ts";

const WEB = { tenant: Name.parse("default"), network: Name.parse("web") };
const KEY = "default/web";
const at = (last: number) => `10.20.0.${last}` as IpAddress;

function block(first: number, more: Partial<HeldBlock> = {}): HeldBlock {
  const ranges = [{ first: at(first), last: at(first + 3) }];
  const prefix = Cidr.parse(`10.20.0.${first}/30`);
  return { ...WEB, id: `b-${first}`, prefix, ranges, since: first, givingBack: false, released: [], ...more };
}

async function start(...blocks: HeldBlock[]) {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const book = await openBook(store, () => "1", clock);
  for (const one of blocks) await book.putBlock(one);
  const addresses = createBlockAddresses(book, () => clock.now().getTime());
  const endpoint = (last: number, phase: Phase) => ({
    id: `e-${last}`,
    ...WEB,
    networkId: "n1",
    identity: `ephemeral/e-${last}` as Identity,
    ephemeral: true,
    epoch: 1,
    addresses: [at(last)],
    mac: MacAddress.ofAddress(at(last), 100),
    phase,
    since: clock.now().getTime(),
    workload: { runtime: "docker" as const },
    requester: "r",
    grants: 1,
    ports: [],
    unreported: [],
    known: true,
  });
  return {
    book,
    clock,
    store,
    addresses,
    next: (cooldown = 1000) => addresses.next(KEY, "v4", cooldown),
    use: (last: number) => book.putEndpoint(endpoint(last, "active")),
    release: (last: number) => book.putEndpoint(endpoint(last, "released")),
    forget: (last: number) => book.deleteEndpoint(`e-${last}`),
  };
}

describe("the next address of a node's blocks", () => {
  test("is one that was never in use, in order, and after those the one released longest ago that has rested", async () => {
    const node = await start(block(128));
    expect(node.next()).toBe(at(128));
    for (const last of [128, 129, 130, 131]) await node.use(last);
    expect(node.next()).toBeUndefined();
    for (const last of [131, 129, 130]) {
      await node.release(last);
      node.clock.advance(100);
    }
    expect(node.next()).toBeUndefined();
    node.clock.advance(699);
    expect(node.next()).toBeUndefined();
    node.clock.advance(1);
    expect(node.next()).toBe(at(131));
    node.clock.advance(10_000);
    expect(node.next()).toBe(at(131));
    await node.use(131);
    expect(node.next()).toBe(at(129));
  });

  test("rests whether its former endpoint is still to be reported or gone, also after a restart", async () => {
    const node = await start(block(128, { ranges: [{ first: at(128), last: at(128) }] }));
    await node.use(128);
    await node.release(128);
    node.clock.advance(999);
    await node.forget(128);
    expect(node.next()).toBeUndefined();
    const again = await openBook(node.store, () => "1", node.clock);
    const addresses = createBlockAddresses(again, () => node.clock.now().getTime());
    expect(addresses.next(KEY, "v4", 1000)).toBeUndefined();
    node.clock.advance(1);
    expect(addresses.next(KEY, "v4", 1000)).toBe(at(128));
  });

  test("is not looked for again in a block that had none, until one has rested or another has gone", async () => {
    const node = await start(block(128));
    for (const last of [128, 129, 130, 131]) await node.use(last);
    await node.release(130);
    const looks = vi.spyOn(node.book, "holderOf");
    expect(node.next()).toBeUndefined();
    const once = looks.mock.calls.length;
    expect(node.next()).toBeUndefined();
    expect(looks.mock.calls.length).toBe(once);
    expect(node.next(0)).toBe(at(130));
    expect(node.next()).toBeUndefined();
    node.clock.advance(1000);
    expect(node.next()).toBe(at(130));
    await node.use(130);
    expect(node.next()).toBeUndefined();
    await node.release(128);
    node.clock.advance(1000);
    expect(node.next()).toBe(at(128));
  });

  test("of an endpoint that was lost rests from then on", async () => {
    const node = await start(block(128, { ranges: [{ first: at(128), last: at(128) }] }));
    await node.use(128);
    node.clock.advance(5000);
    expect(node.next()).toBeUndefined();
    await node.forget(128);
    expect(node.next()).toBeUndefined();
    node.clock.advance(1000);
    expect(node.next()).toBe(at(128));
  });

  test("is of the block that came first, so that the others become empty, and of none that is going back", async () => {
    const node = await start(block(136), block(128), block(132, { givingBack: true }), block(140, { returning: true }));
    expect(node.next()).toBe(at(128));
    expect([7, 8].map((count) => node.addresses.hasMoreThan(count, KEY, "v4", 1000))).toEqual([true, false]);
    for (const last of [128, 129, 130, 131]) await node.use(last);
    expect(node.next()).toBe(at(136));
    await node.release(129);
    node.clock.advance(1000);
    expect(node.next()).toBe(at(129));
  });

  test("is none outside the ranges, of another family or of another network", async () => {
    const node = await start(block(128, { ranges: [{ first: at(130), last: at(130) }] }));
    expect(node.next()).toBe(at(130));
    expect(node.addresses.next(KEY, "v6", 0)).toBeUndefined();
    expect(node.addresses.next("default/other", "v4", 0)).toBeUndefined();
  });

  test("a block is empty only when nothing has to be reported of its addresses any more", async () => {
    const node = await start(block(128));
    const [held = expect.fail()] = node.book.blocks.values();
    await node.use(129);
    expect(node.addresses.isEmpty(held)).toBe(false);
    await node.release(129);
    expect(node.addresses.isEmpty(held)).toBe(false);
    await node.forget(129);
    expect(node.addresses.isEmpty(held)).toBe(true);
  });
});
