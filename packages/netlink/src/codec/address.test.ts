import { IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { createAddressRequest, decodeAddress } from "./address.ts";
import { concatenate } from "./attributes.ts";

const ip = (text: string): IpAddress => IpAddress.parse(text);

describe("addresses", () => {
  test("of IPv4 are our end and, without a peer, the far end", () => {
    expect(concatenate(createAddressRequest({ index: 3, address: ip("10.1.0.2"), length: 24 }).body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "02 AF_INET", "18 length 24", "00 flags", "00 scope", "03000000 index",
        "0800 length 8", "0200 IFA_LOCAL", "0a010002",
        "0800 length 8", "0100 IFA_ADDRESS", "0a010002",
      ),
    );
  });

  test("of IPv4 may be valid on their link only", () => {
    const record = { index: 3, address: ip("169.254.1.1"), length: 32, scope: "link" } as const;
    const encoded = concatenate(createAddressRequest(record).body);
    expect(encoded.slice(0, 8)).toEqual(
      bytes("02 AF_INET", "20 length", "00 flags", "fd RT_SCOPE_LINK", "03000000 index"),
    );
    expect(decodeAddress(encoded)).toEqual(record);
  });

  test("of IPv6 are not checked for duplicates", () => {
    const encoded = concatenate(createAddressRequest({ index: 3, address: ip("fd00::2"), length: 64 }).body);
    expect(encoded.slice(-8)).toEqual(bytes("0800 length 8", "0800 IFA_FLAGS", "02000000 IFA_F_NODAD"));
    expect(decodeAddress(encoded)).toEqual({ index: 3, address: "fd00::2", length: 64 });
  });

  test("are read as our end of a point-to-point link", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "02 AF_INET", "20 length 32", "80 permanent", "00 scope", "03000000 index",
      "0800 length 8", "0100 IFA_ADDRESS", "0a010001 the far end",
      "0800 length 8", "0200 IFA_LOCAL", "0a010002 ours",
    );
    expect(decodeAddress(body)).toEqual({ index: 3, address: "10.1.0.2", length: 32 });
    expect(decodeAddress(bytes("1c AF_MPLS", "00", "00", "00", "03000000"))).toBeUndefined();
  });
});
