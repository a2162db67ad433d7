import { describe, expect, test } from "vitest";
import { type Entry, entryFields, forEachDatagram, readEntry } from "./entry.ts";
import { createOutbox, PAGE_BYTES } from "./outbox.ts";

const datagram = (...bytes: number[]): DataView => new DataView(Uint8Array.from(bytes).buffer);

/** What somebody who is given the entry reads in it: bytes and time of each datagram. */
function readBack(entry: Entry | undefined): unknown[] {
  const found: unknown[] = [];
  const read = readEntry((entry === undefined ? [] : entryFields(entry)).map((field) => Buffer.from(field)));
  if (read === undefined) return found;
  forEachDatagram(read, (view, start, length, at) =>
    found.push([[...new Uint8Array(view.buffer, view.byteOffset + start, length)], at]),
  );
  return found;
}

describe("the outbox", () => {
  test("makes one entry of what comes while nothing is sent, with each datagram's time", () => {
    const outbox = createOutbox("h1", PAGE_BYTES * 2);
    outbox.add(datagram(9, 1, 2), 1, 2, 1000);
    outbox.add(datagram(3), 0, 1, 1040);
    outbox.add(datagram(), 0, 0, 1041);
    expect(outbox.next()).toMatchObject({ from: "h1", first: 0, at: 1000 });
    expect(readBack(outbox.next())).toEqual([
      [[1, 2], 1000],
      [[3], 1040],
      [[], 1041],
    ]);
  });

  test("gives the same entry until it is sent, and what came meanwhile as the next", () => {
    const outbox = createOutbox("h1", PAGE_BYTES * 2);
    outbox.add(datagram(1), 0, 1, 1000);
    const first = readBack(outbox.next());
    outbox.add(datagram(2), 0, 1, 1001);
    expect(readBack(outbox.next())).toEqual(first);
    outbox.sent();
    expect(outbox.next()).toMatchObject({ first: 1, at: 1001 });
    expect(outbox.counts).toEqual({ sent: 1, waiting: 1, dropped: 0 });
    outbox.sent();
    expect(outbox.next()).toBeUndefined();
  });

  test("begins another entry where a time does not fit into it", () => {
    const outbox = createOutbox("h1", PAGE_BYTES * 2);
    outbox.add(datagram(1), 0, 1, 1000);
    outbox.add(datagram(2), 0, 1, 1000 + 65_535);
    outbox.add(datagram(3), 0, 1, 1000 + 65_536);
    expect(readBack(outbox.next())).toHaveLength(2);
    outbox.sent();
    expect(readBack(outbox.next())).toEqual([[[3], 66_536]]);
  });

  test("gives up the oldest when there is no room, but not what is being sent; their numbers stay theirs", () => {
    const outbox = createOutbox("h1", PAGE_BYTES * 3);
    const large = new DataView(new ArrayBuffer(PAGE_BYTES / 4));
    const add = (count: number): void => {
      for (let index = 0; index < count; index++) outbox.add(large, 0, large.byteLength, 1000);
    };
    add(3);
    outbox.next();
    add(9);
    expect(outbox.counts).toEqual({ sent: 0, waiting: 9, dropped: 3 });
    expect(outbox.next()).toMatchObject({ first: 0 });
    outbox.sent();
    expect(outbox.next()).toMatchObject({ first: 6 });
  });
});

describe("an entry", () => {
  test.each([
    ["of somebody else", ["name", "x"]],
    ["without datagrams", ["from", "h1", "first", "0", "at", "1"]],
    ["with a number that is none", ["from", "h1", "first", "-1", "at", "1", "datagrams", ""]],
    ["with a time that is none", ["from", "h1", "first", "0", "at", "now", "datagrams", ""]],
  ])("%s is none of ours", (_, fields) => {
    expect(readEntry(fields.map((field) => Buffer.from(field)))).toBeUndefined();
  });

  test("that is cut off has the datagrams before", () => {
    const found: number[] = [];
    const datagrams = Uint8Array.from([0, 0, 0, 1, 7, 0, 0, 0, 9, 1]);
    forEachDatagram({ at: 5, datagrams }, (_, __, length) => found.push(length));
    expect(found).toEqual([1]);
  });
});
