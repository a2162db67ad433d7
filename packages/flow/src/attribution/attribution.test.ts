import { IpAddress, MacAddress } from "@holdfast/core";
import { beforeEach, describe, expect, test } from "vitest";
import { type Aggregator, createAggregator, type TrafficRow, trafficRows } from "../numbers/aggregator.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { encodeDatagram, encodeFields, encodeHeaderRecord, encodeSample, layoutNamed } from "../testing/encoder.ts";
import { exampleFields } from "../testing/example-fields.ts";
import { ethernet, ipv4, tcp } from "../testing/packets.ts";
import { PlainInventory } from "../testing/plain-inventory.ts";
import { type Attribution, createAttribution } from "./attribution.ts";
import { addressWords, type InventoryChange, macWords, type PlacedEndpoint } from "./change.ts";

const decoder = createSflowDecoder();
const OUTSIDE_MAC = "02:ff:ff:ff:ff:01";
const tunnelIn = encodeFields(
  layoutNamed("extended_ipv4_tunnel_ingress"),
  exampleFields(layoutNamed("extended_ipv4_tunnel_ingress")),
);

interface Packet {
  /** Whose exporter sampled it; 9 is nobody's. */
  readonly node: number;
  readonly at: number;
  readonly source: string;
  readonly destination: string;
  readonly sourceMac?: string;
  readonly destinationMac?: string;
  readonly ifIndex?: number;
  readonly vlan?: number;
  readonly isTunnel?: boolean;
}

const agentOf = (node: number): string => `10.9.0.${node + 1}`;

function sample(packet: Packet, number: number): Uint8Array {
  const { sourceMac = OUTSIDE_MAC, destinationMac = OUTSIDE_MAC, ifIndex = 0, vlan = 0 } = packet;
  const { source, destination } = packet;
  const tags = vlan === 0 ? [] : [{ control: vlan }];
  const frame = ethernet(
    { source: sourceMac, destination: destinationMac, tags },
    ipv4({ source, destination }, tcp()),
  );
  const records = [encodeHeaderRecord(frame), ...(packet.isTunnel === true ? [tunnelIn] : [])];
  const numbers = { sequence: number, pool: number, rate: 1 };
  return encodeSample({ format: 1, ...numbers, input: { format: 0, value: ifIndex }, records });
}

let sequence = 0;

function takeInto(aggregator: Aggregator, packet: Packet): void {
  sequence += 1;
  const plan = { agent: agentOf(packet.node), sequence, uptimeMs: sequence };
  const bytes = encodeDatagram({ ...plan, samples: [sample(packet, sequence)] });
  decoder.decode(new DataView(bytes.buffer), 0, bytes.length);
  aggregator.take(decoder.datagram, packet.at);
}

/** What makes it a row of its own. */
function kindOf(row: TrafficRow): string {
  return JSON.stringify({ ...row, estimate: undefined });
}

/** How one packet is attributed. */
function attributed(attribution: Attribution, packet: Packet): TrafficRow {
  const aggregator = createAggregator({}, attribution);
  takeInto(aggregator, packet);
  const [row] = trafficRows(aggregator.drain());
  if (row === undefined) throw new TypeError("no row");
  return row;
}

const address = (text: string) => addressWords(IpAddress.parse(text));
const mac = (text: string) => macWords(MacAddress.parse(text));

function endpoint(number: number, plan: Partial<PlacedEndpoint> & { readonly ip: string }): PlacedEndpoint {
  const { ip, ...rest } = plan;
  return {
    number,
    node: 0,
    network: 0,
    tenant: 0,
    isSampled: true,
    isRoutable: true,
    mac: mac(`02:00:00:00:00:${((number % 200) + 16).toString(16)}`),
    addresses: [address(ip)],
    ...rest,
  };
}

const macOf = (number: number): string => `02:00:00:00:00:${((number % 200) + 16).toString(16)}`;
const told = ({ sourceOwner, destinationOwner, isCounted }: TrafficRow) => [sourceOwner, destinationOwner, isCounted];

let attribution: Attribution;
beforeEach(() => {
  attribution = createAttribution();
  for (const node of [0, 1]) attribution.apply({ kind: "node", node, agents: [address(agentOf(node))], from: 0 });
});

const begin = (placed: PlacedEndpoint, from = 0): void => attribution.apply({ kind: "begin", endpoint: placed, from });
const plug = (owner: number, ifIndex: number, from = 0): void =>
  attribution.apply({ kind: "plug", endpoint: owner, ifIndex, from });
const end = (placed: PlacedEndpoint, to: number): void => attribution.apply({ kind: "end", endpoint: placed, to });

describe("an address that moved", () => {
  const packet = { node: 9, source: "192.0.2.1", destination: "10.0.0.5" };

  test("is its former owner's before and just after, nobody's then, and the next one's from its beginning on", () => {
    const former = endpoint(0, { ip: "10.0.0.5" });
    const next = endpoint(1, { ip: "10.0.0.5" });
    begin(former, 1000);
    end(former, 2000);
    begin(next, 4000);
    const owners = [999, 1000, 1999, 2000, 3499, 3500, 3999, 4000].map(
      (at) => attributed(attribution, { ...packet, at }).destinationOwner,
    );
    expect(owners).toEqual([undefined, 0, 0, 0, 0, undefined, undefined, 1]);
  });

  test("is the next one's as soon as that has it, also while the end of the former one is not known", () => {
    begin(endpoint(0, { ip: "10.0.0.5" }), 1000);
    begin(endpoint(1, { ip: "10.0.0.5", node: 1 }), 2000);
    const owners = [1999, 2000].map((at) => attributed(attribution, { ...packet, at }).destinationOwner);
    expect(owners).toEqual([0, 1]);
  });

  test("is forgotten when nobody asks about that time any more", () => {
    const former = endpoint(0, { ip: "10.0.0.5" });
    begin(former, 1000);
    end(former, 2000);
    attribution.apply({ kind: "forget", before: 2000 });
    expect(attributed(attribution, { ...packet, at: 1500 }).destinationOwner).toBe(0);
    attribution.apply({ kind: "forget", before: 2001 });
    expect(attributed(attribution, { ...packet, at: 1500 }).destinationOwner).toBeUndefined();
  });

  test("is told of by its MAC, too, just after its owner has gone: in the sender's network, and of a sender that nobody knows", () => {
    begin(endpoint(0, { ip: "10.0.0.5" }), 0);
    const gone = endpoint(1, { ip: "10.0.0.6" });
    begin(gone, 0);
    end(gone, 2000);
    // No address says it.
    const seen = { ...packet, source: "0.0.0.0", destination: "0.0.0.0", destinationMac: macOf(1), at: 3400 };
    expect(attributed(attribution, { ...seen, node: 0, sourceMac: macOf(0) }).destinationOwner).toBe(1);
    expect(attributed(attribution, seen).destinationOwner).toBe(1);
    expect(attributed(attribution, { ...seen, at: 3500 }).destinationOwner).toBeUndefined();
  });
});

describe("a packet between containers is counted once: at its source's own port", () => {
  beforeEach(() => {
    begin(endpoint(0, { ip: "10.0.0.5", node: 0 }));
    begin(endpoint(1, { ip: "10.0.0.6", node: 1 }));
  });
  const packet = { at: 10, source: "10.0.0.5", destination: "10.0.0.6" };
  const macs = { sourceMac: macOf(0), destinationMac: macOf(1) };

  test.each([
    { name: "at its source's node", seen: { ...packet, ...macs, node: 0 }, is: [0, 1, true] },
    { name: "again where it comes in", seen: { ...packet, ...macs, node: 1 }, is: [0, 1, false] },
    {
      name: "again as it comes out of a tunnel",
      seen: { ...packet, ...macs, node: 1, isTunnel: true },
      is: [0, 1, false],
    },
    { name: "again behind a router", seen: { ...packet, destinationMac: macOf(1), node: 1 }, is: [0, 1, false] },
    {
      name: "again behind a router that it came back from",
      seen: { ...packet, destinationMac: macOf(1), node: 0 },
      is: [0, 1, false],
    },
    { name: "on its way to a router", seen: { ...packet, sourceMac: macOf(0), node: 0 }, is: [0, 1, true] },
    { name: "by a switch between the nodes", seen: { ...packet, ...macs, node: 9 }, is: [0, 1, false] },
  ])("$name", ({ seen, is }) => {
    expect(told(attributed(attribution, seen))).toEqual(is);
  });

  test("and at the destination's when the source's node does not sample", () => {
    begin(endpoint(2, { ip: "10.0.0.7", node: 0, isSampled: false }));
    const seen = { ...packet, source: "10.0.0.7", destinationMac: macOf(1) };
    expect(told(attributed(attribution, { ...seen, node: 1 }))).toEqual([2, 1, true]);
    expect(told(attributed(attribution, { ...seen, node: 0 }))).toEqual([2, 1, false]);
  });

  test("and at the destination's when the source's node has been silent for two minutes", () => {
    const seen = { ...packet, ...macs, node: 1 };
    expect(attributed(attribution, { ...seen, at: 119_000 }).isCounted).toBe(false);
    expect(attributed(attribution, { ...seen, at: 121_000 }).isCounted).toBe(true);
    expect(attributed(attribution, { ...seen, node: 0, at: 122_000 }).isCounted).toBe(true);
    expect(attributed(attribution, { ...seen, at: 123_000 }).isCounted).toBe(false);
  });
});

describe("a packet that was sampled just before its sender went, and told of just after", () => {
  const seen = { source: "10.0.0.5", destination: "192.0.2.1", sourceMac: macOf(0), node: 0 };
  beforeEach(() => {
    const here = endpoint(0, { ip: "10.0.0.5", node: 0 });
    begin(here);
    attributed(attribution, { ...seen, ifIndex: 7, at: 1000 });
    end(here, 2000);
    begin(endpoint(1, { ip: "10.0.0.5", node: 1, mac: mac(macOf(0)) }), 2000);
  });

  test("is its own, and counted, by the port that was its own", () => {
    expect(told(attributed(attribution, { ...seen, ifIndex: 7, at: 2800 }))).toEqual([0, undefined, true]);
  });

  test("is its own no longer than that also where packets of its kind came before", () => {
    const together = createAggregator({}, attribution);
    for (const at of [2800, 3600]) takeInto(together, { ...seen, ifIndex: 7, at });
    expect([...trafficRows(together.drain())].map(told)).toEqual([
      [0, undefined, true],
      [1, undefined, false],
    ]);
  });

  test("is its own when nothing of it has come before", () => {
    const brief = endpoint(2, { ip: "10.0.0.7", node: 0 });
    begin(brief, 3000);
    end(brief, 3100);
    begin(endpoint(3, { ip: "10.0.0.7", node: 1, mac: mac(macOf(2)) }), 3200);
    const packet = { ...seen, source: "10.0.0.7", sourceMac: macOf(2), at: 3900 };
    expect(told(attributed(attribution, { ...packet, ifIndex: 9 }))).toEqual([2, undefined, true]);
    // By a port that others' endpoints were seen at, it comes from where its sender has gone to.
    attributed(attribution, { ...seen, ifIndex: 2, at: 3900 });
    expect(told(attributed(attribution, { ...packet, ifIndex: 2 }))).toEqual([3, undefined, false]);
  });

  test("is not, after a time in which it would have been told of", () => {
    expect(told(attributed(attribution, { ...seen, ifIndex: 7, at: 3500 }))).toEqual([1, undefined, false]);
  });

  test("is not when it comes by the uplink, from where its sender has gone to", () => {
    expect(told(attributed(attribution, { ...seen, ifIndex: 2, at: 2800 }))).toEqual([1, undefined, false]);
  });
});

describe("a port", () => {
  const seen = { source: "10.0.0.5", destination: "192.0.2.1", node: 0, ifIndex: 7 };
  beforeEach(() => {
    begin(endpoint(0, { ip: "10.0.0.5" }));
    begin(endpoint(1, { ip: "10.0.0.6" }));
    plug(0, 7, 1000);
  });
  const ownerAt = (at: number, sourceMac = OUTSIDE_MAC): unknown =>
    attributed(attribution, { ...seen, sourceMac, at, source: "192.0.2.9" }).sourceOwner;

  test("says whose packets are whatever they call themselves, from when it is his on", () => {
    expect([999, 1000].map((at) => ownerAt(at, macOf(1)))).toEqual([1, 0]);
    expect(attributed(attribution, { ...seen, ifIndex: 8, at: 1000 }).sourceOwner).toBe(0);
    expect(attributed(attribution, { ...seen, node: 1, at: 1000, source: "192.0.2.9" }).sourceOwner).toBeUndefined();
  });

  test("that changes hands says nothing of packets that may be of either, and MACs do", () => {
    plug(1, 7, 3000);
    expect([2999, 3000, 4499, 4500].map((at) => ownerAt(at))).toEqual([0, undefined, undefined, 1]);
    expect([3000, 4499].map((at) => ownerAt(at, macOf(0)))).toEqual([0, 0]);
    expect(ownerAt(3000, macOf(1))).toBe(1);
  });

  test("is nobody's when its owner is at another one, at none, or has ended", () => {
    plug(0, 9, 3000);
    expect([4499, 4500].map((at) => ownerAt(at))).toEqual([0, undefined]);
    attribution.apply({ kind: "unplug", endpoint: 0, to: 6000 });
    plug(1, 7, 6000);
    end(endpoint(1, { ip: "10.0.0.6" }), 9000);
    expect([7500, 10_499, 10_500].map((at) => ownerAt(at))).toEqual([1, 1, undefined]);
  });
});

test("packets are counted at their source's node again as soon as that is heard again", () => {
  begin(endpoint(0, { ip: "10.0.0.5", node: 0 }));
  begin(endpoint(1, { ip: "10.0.0.6", node: 1 }));
  const seen = { source: "10.0.0.5", destination: "10.0.0.6", sourceMac: macOf(0), destinationMac: macOf(1), node: 1 };
  const together = createAggregator({}, attribution);
  for (const packet of [
    { ...seen, at: 121_000 },
    { ...seen, node: 0, at: 121_001 },
    { ...seen, at: 121_002 },
  ])
    takeInto(together, packet);
  const counts = [...trafficRows(together.drain())].map(({ exporter, isCounted, estimate }) => [
    exporter.agent,
    isCounted,
    estimate.samples,
  ]);
  expect(counts).toEqual([
    [agentOf(1), true, 1],
    [agentOf(0), true, 1],
    [agentOf(1), false, 1],
  ]);
});

describe("a packet from outside is counted at its destination's node", () => {
  test.each([
    { node: 1, is: [undefined, 1, true] },
    { node: 0, is: [undefined, 1, false] },
  ])("seen by $node", ({ node, is }) => {
    begin(endpoint(1, { ip: "10.0.0.6", node: 1 }));
    const seen = { at: 10, source: "192.0.2.1", destination: "10.0.0.6", destinationMac: macOf(1), node };
    expect(told(attributed(attribution, seen))).toEqual(is);
  });

  test("and past everybody, wherever it is seen", () => {
    const seen = { at: 10, source: "192.0.2.1", destination: "192.0.2.2", node: 0 };
    expect(told(attributed(attribution, seen))).toEqual([undefined, undefined, true]);
  });
});

describe("two tenants with the same addresses", () => {
  const same = { mac: mac("02:00:00:00:00:77"), isRoutable: false };
  const packet = { at: 10, source: "10.0.0.5", destination: "10.0.0.6", sourceMac: "02:00:00:00:00:77" };
  beforeEach(() => {
    begin(endpoint(0, { ip: "10.0.0.5", ...same, network: 0, tenant: 0 }));
    begin(endpoint(1, { ip: "10.0.0.5", ...same, network: 1, tenant: 1 }));
    plug(0, 7);
    plug(1, 8);
    begin(endpoint(2, { ip: "10.0.0.6", network: 0, tenant: 0, isRoutable: false, mac: mac("02:00:00:00:00:78") }));
    begin(endpoint(3, { ip: "10.0.0.6", network: 1, tenant: 1, isRoutable: false, mac: mac("02:00:00:00:00:78") }));
  });

  test("are told apart by the port that it came by, and the other end with them", () => {
    const seen = { ...packet, node: 0, destinationMac: "02:00:00:00:00:78" };
    expect(told(attributed(attribution, { ...seen, ifIndex: 7 }))).toEqual([0, 2, true]);
    expect(told(attributed(attribution, { ...seen, ifIndex: 8 }))).toEqual([1, 3, true]);
    expect(told(attributed(attribution, { ...seen, ifIndex: 7, destinationMac: OUTSIDE_MAC }))).toEqual([0, 2, true]);
  });

  test("are told apart by the port also when that was the other one's before", () => {
    attribution.apply({ kind: "unplug", endpoint: 0, to: 5000 });
    plug(1, 7, 20_000);
    const seen = { ...packet, node: 0, ifIndex: 7, destinationMac: "02:00:00:00:00:78" };
    const owners = [4999, 6499, 6500, 19_999, 20_000].map((at) => attributed(attribution, { ...seen, at }).sourceOwner);
    // From when nobody is at the port, nothing tells them apart.
    expect(owners).toEqual([0, 0, "ambiguous", "ambiguous", 1]);
  });

  test("are not guessed at without that", () => {
    const seen = { ...packet, node: 9, destinationMac: "02:00:00:00:00:78" };
    expect(told(attributed(attribution, seen))).toEqual(["ambiguous", "ambiguous", true]);
  });

  test("are told apart by the segment", () => {
    attribution.apply({ kind: "segment", segment: { kind: "vlan", id: 100 }, network: 1 });
    const seen = { ...packet, node: 9, destinationMac: "02:00:00:00:00:78", vlan: 100 };
    expect(told(attributed(attribution, seen)).slice(0, 2)).toEqual([1, 3]);
  });

  test("do not have what only one of them has", () => {
    begin(endpoint(4, { ip: "10.0.0.9", network: 1, tenant: 1, isRoutable: false }));
    const seen = { ...packet, node: 0, ifIndex: 7, destination: "10.0.0.9" };
    expect(attributed(attribution, seen).destinationOwner).toBeUndefined();
    expect(attributed(attribution, { ...seen, ifIndex: 8 }).destinationOwner).toBe(4);
  });
});

test("what says no more is left out, so that one kind of traffic is one row", () => {
  begin(endpoint(0, { ip: "10.0.0.5" }));
  const row = attributed(attribution, {
    node: 0,
    at: 10,
    source: "10.0.0.5",
    destination: "192.0.2.1",
    sourceMac: macOf(0),
    ifIndex: 12,
  });
  expect(row).not.toHaveProperty("inputIfIndex");
  expect(row).not.toHaveProperty("sourceMac");
  expect(row).not.toHaveProperty("destinationMac");
  expect(row.etherType).toBe(0x0800);
});

describe("random histories", () => {
  const random = (seed: number) => {
    let state = seed;
    return (below: number): number => {
      state = (state * 48_271) % 2_147_483_647;
      return state % below;
    };
  };

  interface Plugged {
    readonly endpoint: PlacedEndpoint;
    readonly ifIndex: number;
    readonly from: number;
    to: number;
  }

  /** Who has a port for longer than samples are on the way, or had it lately and nobody else did. */
  function aloneAt(told: readonly Plugged[], { at, node, ifIndex }: Packet): PlacedEndpoint | undefined {
    const found = told
      .filter((one) => one.endpoint.node === node && one.ifIndex === ifIndex && one.from <= at && at < one.to + 1500)
      .sort((a, b) => b.from - a.from);
    const settled = found[0] !== undefined && found[0].from + 1500 <= at;
    return settled || new Set(found.map(({ endpoint: { number } }) => number)).size === 1
      ? found[0]?.endpoint
      : undefined;
  }

  /** What a plain list says, in the order in which an attribution looks. Remembers by which ports packets came. */
  function plainly(
    ports: { readonly own: Map<number, number>; readonly shared: Set<string>; readonly told: Plugged[] },
    inventory: PlainInventory,
    packet: Packet & { readonly sourceMac: string; readonly destinationMac: string; readonly ifIndex: number },
  ) {
    const { at, node } = packet;
    const find = (fits: (one: PlacedEndpoint) => boolean) => inventory.find(at, fits);
    const hasMac = (text: string) => (one: PlacedEndpoint) => one.mac.join() === mac(text).join();
    const hasAddress = (text: string) => (one: PlacedEndpoint) =>
      one.addresses.some((own) => own.join() === address(text).join());
    const known = (found: ReturnType<typeof find>) => (found === "ambiguous" ? undefined : found);
    const lately = (fits: (one: PlacedEndpoint) => boolean) => find(fits) ?? inventory.last(at, 1500, fits);
    const byMac = (text: string) =>
      known(find((one) => one.node === node && hasMac(text)(one))) ?? lately(hasMac(text));
    const byAddress = (text: string, other: PlacedEndpoint | undefined) =>
      (other && lately((one) => one.network === other.network && hasAddress(text)(one))) ??
      (other && lately((one) => one.tenant === other.tenant && hasAddress(text)(one))) ??
      lately((one) => one.isRoutable && hasAddress(text)(one));
    const byPort = node === 9 || packet.ifIndex === 0 ? undefined : aloneAt(ports.told, packet);
    const isOwn = (one: PlacedEndpoint): boolean => one.node === node && hasMac(packet.sourceMac)(one);
    const anyHere = node === 9 ? undefined : find(isOwn);
    const here = known(anyHere);
    if (byPort === undefined && here !== undefined && packet.ifIndex !== 0) ports.own.set(here.number, packet.ifIndex);
    const former = node === 9 || packet.ifIndex === 0 ? undefined : inventory.last(at, 1500, isOwn);
    const port = former && ports.own.get(former.number);
    const mayBe = port === packet.ifIndex || (port === undefined && !ports.shared.has(`${node}/${packet.ifIndex}`));
    const late = mayBe && anyHere === undefined ? former : undefined;
    const elsewhere = find(hasMac(packet.sourceMac));
    if (byPort === undefined && here === undefined && late === undefined && known(elsewhere) && node !== 9)
      ports.shared.add(`${node}/${packet.ifIndex}`);
    const sender = byPort ?? here ?? late ?? elsewhere;
    const from = known(sender);
    const receiver = from
      ? lately((one) => one.network === from.network && hasMac(packet.destinationMac)(one))
      : byMac(packet.destinationMac);
    const source = known(sender) ?? byAddress(packet.source, known(receiver)) ?? sender;
    const destination = known(receiver) ?? byAddress(packet.destination, known(source)) ?? receiver;
    const wordOf = (found: ReturnType<typeof find>) => (typeof found === "object" ? found.number : found);
    return [wordOf(source), wordOf(destination)];
  }

  test.each([1, 2, 3, 4, 5])("seed %i are attributed as a plain list has it, at every time", (seed) => {
    const next = random(seed * 7919);
    const inventory = new PlainInventory();
    const placed: PlacedEndpoint[] = [];
    const seen = { owners: 0, ambiguous: 0 };
    const ip = (): string => `10.0.0.${next(8)}`;
    const anyMac = (): string => `02:00:00:00:00:0${next(8)}`;
    const ports = { own: new Map<number, number>(), shared: new Set<string>(), told: [] as Plugged[] };
    const unplugged = (number: number, at: number): void => {
      for (const one of ports.told)
        if (one.endpoint.number === number && one.to === Number.POSITIVE_INFINITY) one.to = at;
    };
    for (let step = 1000; step < 1_500_000; step += 1000) {
      const started = placed[next(placed.length || 1)];
      if (next(3) === 0 || started === undefined) {
        const network = next(4);
        const one = endpoint(placed.length, {
          ip: ip(),
          mac: mac(anyMac()),
          node: next(2),
          network,
          tenant: network >> 1,
          isRoutable: network !== 3,
        });
        placed.push(one);
        begin(one, step);
        inventory.begin(one, step);
        if (next(2) === 0) {
          const ifIndex = 1 + next(6);
          plug(one.number, ifIndex, step);
          ports.told.push({ endpoint: one, ifIndex, from: step, to: Number.POSITIVE_INFINITY });
        }
      } else if (next(5) === 0) {
        attribution.apply({ kind: "unplug", endpoint: started.number, to: step });
        unplugged(started.number, step);
      } else if (next(3) > 0) {
        end(started, step);
        inventory.end(started.number, step);
        unplugged(started.number, step);
      }
      const packet = {
        node: [0, 1, 9][next(3)] ?? 0,
        at: Math.max(1000, step - next(60_000)),
        source: ip(),
        destination: ip(),
        sourceMac: anyMac(),
        destinationMac: anyMac(),
        ifIndex: next(7),
      };
      const { sourceOwner, destinationOwner } = attributed(attribution, packet);
      expect([sourceOwner, destinationOwner], JSON.stringify({ step, packet })).toEqual(
        plainly(ports, inventory, packet),
      );
      if (typeof sourceOwner === "number") seen.owners += 1;
      if (sourceOwner === "ambiguous") seen.ambiguous += 1;
      if (step % 200_000 === 0) attribution.apply({ kind: "forget", before: step - 62_000 });
    }
    expect(seen.owners).toBeGreaterThan(200);
    expect(seen.ambiguous).toBeGreaterThan(20);
  });
});

test("an aggregator, which attributes one kind of packets once for as long as it may, comes to the same as one look per packet", () => {
  let state = 4711;
  const next = (below: number): number => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  const [quick, plain] = [createAttribution(), createAttribution()];
  const apply = (change: InventoryChange): void => {
    for (const one of [quick, plain]) one.apply(change);
  };
  for (const node of [0, 1]) apply({ kind: "node", node, agents: [address(agentOf(node))], from: 0 });
  const together = createAggregator({}, quick);
  const expected = new Map<string, number>();
  const placed: PlacedEndpoint[] = [];
  let changes = 0;
  for (let at = 1000; at < 9000; at += next(3)) {
    const one = placed[next(placed.length + 1)];
    // Some are told of before they are so, some after it.
    const when = at - 4 + next(8);
    if (next(8) === 0 && one === undefined)
      placed.push(endpoint(placed.length, { ip: `10.0.0.${next(4)}`, node: next(2) }));
    if (next(8) === 0 && one !== undefined) {
      apply(next(2) === 0 ? { kind: "begin", endpoint: one, from: when } : { kind: "end", endpoint: one, to: when });
      changes += 1;
    }
    const packet = { node: next(2), at, source: `10.0.0.${next(4)}`, destination: `10.0.0.${next(4)}` };
    takeInto(together, packet);
    const kind = kindOf(attributed(plain, packet));
    expected.set(kind, (expected.get(kind) ?? 0) + 1);
    if (next(100) > 0) continue;
    const sums = [...trafficRows(together.drain())].map((row) => [kindOf(row), row.estimate.samples] as const);
    expect(new Map(sums)).toEqual(expected);
    expected.clear();
  }
  expect(changes).toBeGreaterThan(200);
});
