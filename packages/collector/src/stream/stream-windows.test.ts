import { trafficRows } from "@holdfast/flow";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { describe, expect, test } from "vitest";
import type { Delivery } from "./consumer-group.ts";
import { createOutbox, PAGE_BYTES } from "./outbox.ts";
import { createStreamWindows, type StreamWindow } from "./stream-windows.ts";

const header = encodeHeaderRecord(ethernet({}, ipv4({}, tcp())), { frameLength: 1004 });

/** Entries of one receiver, a datagram with one packet at each of these milliseconds. */
function receiver(from: string) {
  let sequence = 0;
  const outbox = createOutbox(from, PAGE_BYTES * 2);
  return (id: string, ...times: readonly number[]): Delivery => {
    for (const at of times) {
      sequence += 1;
      const sample = encodeSample({ format: 1, sequence, rate: 1, pool: sequence, records: [header] });
      const bytes = encodeDatagram({ sequence, uptimeMs: sequence, samples: [sample] });
      outbox.add(new DataView(bytes.buffer), 0, bytes.length, at);
    }
    const entry = outbox.next();
    if (entry === undefined) throw new TypeError("there are no datagrams");
    const delivery = { id, entry: { ...entry, datagrams: entry.datagrams.slice() } };
    outbox.sent();
    return delivery;
  };
}

function start(checkpoint?: string) {
  const made: StreamWindow[] = [];
  const windows = createStreamWindows((window) => made.push(window), { windowMs: 1000, windowSamples: 0 });
  windows.begin(checkpoint);
  const told = () =>
    made.map(({ window }) => {
      const rows = [...trafficRows(window.traffic)];
      return [window.start, rows.reduce((sum, { estimate }) => sum + estimate.packets, 0)];
    });
  return { windows, made, told };
}

describe("windows of a stream", () => {
  test("have each datagram in the window in which it came, also when an entry has some of two", () => {
    const entry = receiver("h1");
    const { windows, told } = start();
    windows.take(entry("1", 5000, 5500, 6100));
    windows.take(entry("2", 6200));
    windows.advance(7000);
    expect(told()).toEqual([
      [5000, 2],
      [6000, 2],
    ]);
  });

  test("acknowledge an entry with the window that has its last datagram, and all before", () => {
    const entry = receiver("h1");
    const { windows } = start();
    windows.take(entry("1", 5000));
    windows.take(entry("2", 5500, 6100));
    windows.take(entry("3", 7100));
    windows.advance(9000);
    expect(windows.unkept).toBe(3);
    expect(windows.kept(1)).toEqual(["1"]);
    expect(windows.unkept).toBe(2);
    expect(windows.kept(3)).toEqual(["2", "3"]);
    expect(windows.kept(3)).toEqual([]);
  });

  test("count once what is given twice, and acknowledge it all the same", () => {
    const entry = receiver("h1");
    const { windows, told } = start();
    const [first, second] = [entry("1", 5000, 5001), entry("2", 5002)];
    for (const delivery of [first, second, { ...first, id: "3" }, { ...second, id: "4" }]) windows.take(delivery);
    windows.advance(6000);
    expect(told()).toEqual([[5000, 3]]);
    expect(windows.counts).toEqual({ lost: 0, repeated: 3, foreign: 0 });
    expect(windows.kept(1)).toEqual(["1", "2", "3", "4"]);
  });

  test("count what never came, of each receiver", () => {
    const [one, other] = [receiver("h1"), receiver("h2")];
    const { windows } = start();
    one("trimmed", 5000, 5001);
    windows.take(one("1", 5002));
    one("trimmed", 5003);
    other("trimmed", 5003);
    windows.take(one("2", 5004));
    windows.take(other("3", 5004));
    expect(windows.counts).toEqual({ lost: 4, repeated: 0, foreign: 0 });
  });

  test("go on behind a checkpoint in the middle of an entry, neither before nor after it", () => {
    const entry = receiver("h1");
    const entries = [entry("1", 5000, 5001), entry("2", 5500, 6100), entry("3", 6200)];
    const before = start();
    for (const delivery of entries) before.windows.take(delivery);
    expect(before.told()).toEqual([[5000, 3]]);
    const after = start(before.made[0]?.checkpoint);
    for (const delivery of entries) after.windows.take(delivery);
    after.windows.advance(7000);
    expect(after.told()).toEqual([[6000, 2]]);
    expect(after.windows.counts).toEqual({ lost: 0, repeated: 3, foreign: 0 });
  });

  test("never go back behind a checkpoint, whatever a receiver's clock says", () => {
    const { windows, told } = start('{"at":8000,"next":[]}');
    windows.take(receiver("h1")("1", 5000));
    windows.advance(9000);
    expect(told()).toEqual([[8000, 1]]);
  });

  test("know a receiver that lives on while another one begins a hundred lives", () => {
    const steady = receiver("steady");
    const { windows, made } = start();
    const first = steady("1", 5000);
    windows.take(first);
    for (let life = 0; life < 100; life++) {
      windows.take(receiver(`life-${life}`)(`l${life}`, 5001));
      windows.take(steady(`s${life}`, 5001));
    }
    windows.advance(6000);
    const after = start(made[0]?.checkpoint);
    after.windows.take(first);
    expect(after.windows.counts).toMatchObject({ lost: 0, repeated: 1 });
  });

  test("count entries that are no receiver's, or were trimmed, and acknowledge them", () => {
    const { windows } = start();
    windows.take({ id: "1" });
    windows.advance(5000);
    windows.advance(6000);
    expect(windows.counts).toEqual({ lost: 0, repeated: 0, foreign: 1 });
    expect(windows.kept(1)).toEqual(["1"]);
  });
});
