import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { concatenate } from "./attributes.ts";
import { decodeNeighbour, replaceNeighbourRequest } from "./neighbour.ts";

const ip = (text: string): IpAddress => IpAddress.parse(text);
const mac = MacAddress.parse("02:00:0a:01:00:02");

describe("neighbours", () => {
  const neighbour = { index: 3, address: ip("10.1.0.2"), mac, state: "permanent" } as const;
  // biome-ignore format: one struct a line
  const encoded = bytes(
    "02 AF_INET", "000000 padding", "03000000 index", "8000 NUD_PERMANENT", "00 flags", "00 type",
    "0800 length 8", "0100 NDA_DST", "0a010002",
    "0a00 length 10", "0200 NDA_LLADDR", "02000a010002", "0000 padding",
  );

  test("are written and read", () => {
    expect(concatenate(replaceNeighbourRequest(neighbour).body)).toEqual(encoded);
    expect(decodeNeighbour(encoded)).toEqual(neighbour);
  });

  test("have a state, and a MAC only when they were found", () => {
    for (const [state, name] of [
      [0x02, "reachable"],
      [0x04, "stale"],
      [0x08, "other"],
    ] as const) {
      expect(decodeNeighbour(encoded.with(8, state))).toEqual({ ...neighbour, state: name });
    }
    expect(decodeNeighbour(encoded.slice(0, 20).with(8, 0x20))).toEqual({
      index: 3,
      address: "10.1.0.2",
      state: "other",
    });
  });

  test("of multicast and of bridges are left out", () => {
    expect(decodeNeighbour(encoded.with(8, 0x40))).toBeUndefined();
    expect(decodeNeighbour(encoded.with(0, 7))).toBeUndefined();
  });
});
