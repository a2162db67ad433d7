import { describe, expect, test } from "vitest";
import type { RecordFields } from "../describe/record.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { encodeDatagram, encodeFields, encodeSample } from "../testing/encoder.ts";
import { exampleFields } from "../testing/example-fields.ts";
import { counterLayouts } from "./counter-layouts.ts";
import { flowLayouts } from "./flow-layouts.ts";
import { layouts, type RecordLayout } from "./layout.ts";

function decodeAlone(format: 1 | 2, record: Uint8Array) {
  const decoder = createSflowDecoder();
  const bytes = encodeDatagram({ samples: [encodeSample({ format, records: [record] })] });
  decoder.decode(new DataView(bytes.buffer), 0, bytes.length);
  return decoder.describe();
}

/** `sampled_header` holds a packet and is tested as one. */
const all = [
  ...flowLayouts.filter(({ format }) => format !== 1).map((layout) => ({ space: 1 as const, ...layout })),
  ...counterLayouts.map((layout) => ({ space: 2 as const, ...layout })),
];

describe.each(all)("$name", ({ space, ...layout }) => {
  test("is read as it was written, field by field", () => {
    const fields = exampleFields(layout);
    const { samples, refused } = decodeAlone(space, encodeFields(layout, fields));
    expect(samples[0]?.records[0]).toMatchObject({ name: layout.name, fields });
    expect(refused).toBeUndefined();
  });

  test("is refused one field before its end", () => {
    const record = encodeFields(layout, emptied(layout));
    const bytes = record.subarray(0, record.length - 4);
    new DataView(bytes.buffer).setUint32(4, layout.leastBytes - 4);
    const { samples, refused } = decodeAlone(space, bytes);
    expect(samples[0]?.records).toEqual([]);
    expect(refused?.[0]?.reason).toBe("record_truncated");
  });
});

/** Without optional fields, with empty texts and lists. */
function emptied(layout: RecordLayout): RecordFields {
  const fields = exampleFields(layout);
  const kept = layout.fields.filter(({ optional }) => !optional);
  return Object.fromEntries(
    kept.map(({ name, type }) => {
      if (typeof type !== "string") return [name, []];
      if (type === "address") return [name, null];
      return [name, type === "string" || type === "opaque" ? "" : (fields[name] ?? null)];
    }),
  );
}

test("a counter of all ones is unknown, and so is a negative load", () => {
  const layout = counterLayouts.find(({ name }) => name === "if_counters");
  if (layout === undefined) throw new TypeError("no if_counters");
  const fields = { ...exampleFields(layout), ifInOctets: null, ifInUcastPkts: null };
  expect(decodeAlone(2, encodeFields(layout, fields)).samples[0]?.records[0]?.fields).toEqual(fields);
});

test("an agent that sends fields which came later is understood, and so is one that does not", () => {
  const layout = counterLayouts.find(({ name }) => name === "host_cpu");
  if (layout === undefined) throw new TypeError("no host_cpu");
  const { stealMs, guestMs, guestNiceMs, ...old } = exampleFields(layout);
  expect([stealMs, guestMs, guestNiceMs]).toEqual([18, 19, 20]);
  expect(decodeAlone(2, encodeFields(layout, old)).samples[0]?.records[0]?.fields).toEqual(old);
});

/** Tiers 1 and 2 of what a container platform has to read. */
test("no record that matters is missing", () => {
  const has = (known: readonly RecordLayout[]) => known.map(({ format }) => format).sort((a, b) => a - b);
  expect(has(flowLayouts)).toEqual([
    1, 2, 3, 4, 1001, 1002, 1003, 1006, 1007, 1012, 1020, 1021, 1022, 1023, 1024, 1025, 1026, 1027, 1028, 1029, 1030,
    1036, 1037, 1038, 1039, 1040, 1041, 1042, 1043, 2100, 2101, 2102, 2103, 2206, 2207, 2209, 2210,
  ]);
  expect(has(counterLayouts)).toEqual([
    1,
    2,
    5,
    7,
    10,
    1001,
    1004,
    1005,
    2000,
    2001,
    2002,
    2003,
    2004,
    2005,
    2006,
    2007,
    2008,
    2009,
    2010,
    2100,
    2101,
    2102,
    2103,
    2104,
    2201,
    2203,
    2207,
    5703 * 4096 + 1,
  ]);
});

test("a layout that says nothing that can be read ends the program", () => {
  expect(() => layouts("1 name")).toThrow("a layout reads FORMAT name: fields");
  expect(() => layouts("1 name: field u33")).toThrow("u33");
});
