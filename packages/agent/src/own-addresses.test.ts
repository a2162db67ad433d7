import { Cidr, type IpAddress, MacAddress, Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import type { WiredNetwork } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { createBlockAddresses } from "./block-addresses.ts";
import { openBook } from "./book.ts";
import { createOwnAddresses } from "./own-addresses.ts";

const WEB = { tenant: Name.parse("default"), network: Name.parse("web") };
const at = (last: number) => `10.20.0.${last}` as IpAddress;
const request = { ...WEB, runtime: "docker" as const, requester: "r" };

/** A node with the block 10.20.0.128/30, and the block fd00::80/126 when it is to have IPv6 as well. */
async function start({ complete = true, six = false } = {}) {
  const clock = new ManualClock();
  const book = await openBook(openMemoryStore({ clock }), () => "1", clock);
  const prefixes = six ? ["10.20.0.0/24", "fd00::/64"] : ["10.20.0.0/24"];
  const network: WiredNetwork = {
    id: "n1",
    tenant: WEB.tenant,
    name: WEB.network,
    kind: "vlan",
    segment: 100,
    mtu: 1500,
    subnets: prefixes.map((prefix) => ({ prefix: Cidr.parse(prefix) })),
    docker: true,
    nodeBlocks: { size: 4, cooldownSeconds: 60 },
  };
  await book.putNetwork(network);
  if (complete) await book.setComplete();
  const hold = (prefix: string, first: IpAddress, last: IpAddress) =>
    book.putBlock({
      ...WEB,
      id: `b-${prefix}`,
      prefix: Cidr.parse(prefix),
      ranges: [{ first, last }],
      since: 0,
      givingBack: false,
      released: [],
    });
  await hold("10.20.0.128/30", at(128), at(131));
  let count = 0;
  const addresses = createBlockAddresses(book, () => clock.now().getTime());
  const dependencies = { book, addresses, clock, reporter: { notify: () => undefined } };
  const newId = () => `e-${++count}`;
  const own = createOwnAddresses({ ...dependencies, newId, given: () => undefined }, Name.parse("h1"));
  return { own, book, clock, holdSix: () => hold("fd00::80/126", "fd00::80" as IpAddress, "fd00::83" as IpAddress) };
}

describe("an address that a node gives by itself", () => {
  test("is given only when the node knows all that it has", async () => {
    const { own, book } = await start({ complete: false });
    expect(own.reserve(request, 0)).toBeUndefined();
    await book.setComplete();
    expect((await own.reserve(request, 0))?.addresses).toEqual([at(128)]);
  });

  test("is not given to who wants one of a range: the controller knows where else there are some", async () => {
    const { own } = await start();
    expect(own.reserve({ ...request, range: { first: at(128), last: at(131) } }, 0)).toBeUndefined();
  });

  test("is not given to who has labels: only the controller knows which policies choose it by them", async () => {
    const { own } = await start();
    expect(own.reserve({ ...request, labels: { app: "web" } }, 0)).toBeUndefined();
    expect(own.covers({ ...request, address: at(128), labels: { app: "web" } })).toBe(false);
    expect(own.covers({ ...request, address: at(128), labels: {} })).toBe(true);
  });

  test("is one of each family that the network has, or none", async () => {
    const { own, holdSix } = await start({ six: true });
    expect(own.reserve(request, 0)).toBeUndefined();
    await holdSix();
    const endpoint = await own.reserve(request, 0);
    expect(endpoint).toMatchObject({ addresses: [at(128), "fd00::80"], mac: "02:64:0a:14:00:80", epoch: 1 });
  });

  test("is not one of several that are asked for together: they may be in blocks of several nodes", async () => {
    const { own } = await start();
    expect(own.reserve({ ...request, address: at(128), also: [at(129)] }, 0)).toBeUndefined();
    expect((await own.reserve({ ...request, address: at(128), also: [] }, 0))?.addresses).toEqual([at(128)]);
  });

  test("comes with a time that only grows, whatever the clock does", async () => {
    const { own, clock } = await start();
    const first = await own.reserve(request, 0);
    const second = await own.reserve(request, 0);
    clock.advance(5);
    const third = await own.reserve(request, 0);
    const times = [first, second, third].map((endpoint) => Date.parse(endpoint?.made ?? ""));
    expect(times[1]).toBeGreaterThan(times[0] ?? 0);
    expect(times[2]).toBeGreaterThan(times[1] ?? 0);
  });

  test("is not given to a second one who asks for just that", async () => {
    const { own } = await start();
    expect((await own.reserve({ ...request, address: at(130) }, 0))?.addresses).toEqual([at(130)]);
    expect(() => own.reserve({ ...request, address: at(130) }, 0)).toThrow(
      "10.20.0.130 of ephemeral/e-1 is in use on this node (h1) by endpoint e-1; stop that first",
    );
    expect(own.reserve({ ...request, address: at(7) }, 0)).toBeUndefined();
  });

  test("is not given again when a machine outside has it, once the controller has been told and before it says so", async () => {
    const { own, book } = await start();
    const endpoint = await own.reserve(request, 0);
    if (endpoint === undefined) throw new TypeError("an address is free");
    const conflicts = [
      { address: at(128), mac: MacAddress.parse("52:54:00:00:00:09"), at: "2026-11-20T10:00:00.000Z" },
    ];
    await book.putEndpoint({ ...endpoint, phase: "released", conflicts });
    await book.deleteEndpoint(endpoint.id);
    expect([...book.blocks.values()][0]?.ranges).toEqual([{ first: at(129), last: at(131) }]);
  });
});
