import { Cidr, IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { createPrefixMap } from "./prefix-map.ts";

describe("a prefix map", () => {
  test("finds the longest prefix that holds an address, of its own family", () => {
    const map = createPrefixMap<string>();
    for (const text of ["0.0.0.0/0", "10.0.0.0/8", "10.20.0.0/16", "10.20.0.7/32", "2001:db8::/32"])
      map.set(Cidr.parse(text), text);
    const found = ["192.0.2.1", "10.1.1.1", "10.20.3.4", "10.20.0.7", "2001:db8::1", "2001:db9::1"].map((text) =>
      map.find(IpAddress.parse(text)),
    );
    expect(found).toEqual(["0.0.0.0/0", "10.0.0.0/8", "10.20.0.0/16", "10.20.0.7/32", "2001:db8::/32", undefined]);
  });
});
