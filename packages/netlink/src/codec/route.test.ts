import { IpAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { concatenate } from "./attributes.ts";
import { decodeRoute, deleteRouteRequest, replaceRouteRequest } from "./route.ts";

const ip = (text: string): IpAddress => IpAddress.parse(text);

describe("routes", () => {
  const route = { prefix: "10.2.0.0/16", nextHop: ip("10.1.0.1"), index: 3, protocol: 253, metric: 7, mtu: 1400 };
  // biome-ignore format: one struct a line
  const encoded = bytes(
    "02 AF_INET", "10 length 16", "00 source length", "00 tos", "fe main", "fd protocol 253", "00 global", "01 unicast", "00000000 flags",
    "0800 length 8", "0100 RTA_DST", "0a020000",
    "0800 length 8", "0500 RTA_GATEWAY", "0a010001",
    "0800 length 8", "0400 RTA_OIF", "03000000",
    "0800 length 8", "0600 RTA_PRIORITY", "07000000",
    "0c00 length 12", "0880 RTA_METRICS, nested", "0800 length 8", "0200 RTAX_MTU", "78050000 1400",
  );

  test("are written and read", () => {
    expect(concatenate(replaceRouteRequest(route).body)).toEqual(encoded);
    expect(replaceRouteRequest(route)).toMatchObject({ type: 24, flags: 0x0504 }); // RTM_NEWROUTE, create | replace | ack
    expect(decodeRoute(encoded)).toEqual(route);
  });

  test("to a link have its scope in IPv4, and none in IPv6", () => {
    expect(concatenate(replaceRouteRequest({ prefix: "10.2.0.0/16", index: 3, protocol: 253 }).body)[6]).toBe(253);
    expect(concatenate(replaceRouteRequest({ prefix: "fd00::/64", index: 3, protocol: 253 }).body)[6]).toBe(0);
    const host = { prefix: "10.2.0.1/32", index: 3, protocol: 253, scope: "host" } as const;
    expect(decodeRoute(concatenate(replaceRouteRequest(host).body))).toEqual(host);
  });

  test("over a next hop of the other family use RTA_VIA", () => {
    const mixed = { prefix: "0.0.0.0/0", nextHop: ip("fd00::1"), index: 3, protocol: 253 };
    const body = concatenate(replaceRouteRequest(mixed).body);
    expect(body.slice(12, 34)).toEqual(
      bytes("1600 length 22", "1200 RTA_VIA", "0a00 AF_INET6", "fd000000000000000000000000000001"),
    );
    expect(decodeRoute(body)).toEqual(mixed);
  });

  test("of IPv6 without a metric have the kernel's, which is read as none", () => {
    const six = { prefix: "fd01::/64", nextHop: ip("fd00::1"), index: 3, protocol: 253 };
    const body = concatenate(replaceRouteRequest(six).body);
    expect(body.slice(-4)).toEqual(bytes("00040000 1024"));
    expect(decodeRoute(body)).toEqual(six);
  });

  test("are removed by prefix, next hop, link, metric and protocol, in any scope", () => {
    const body = concatenate(deleteRouteRequest(route).body);
    expect(body[6]).toBe(255);
    expect(body.length).toBe(encoded.length - 12);
  });

  test("that lead nowhere are of type unreachable", () => {
    for (const prefix of ["10.2.0.0/16", "fd01::/64"]) {
      const nowhere = { prefix, type: "unreachable", protocol: 253 } as const;
      const body = concatenate(replaceRouteRequest(nowhere).body);
      expect([...body.slice(6, 8)]).toEqual([0, 7]); // global, RTN_UNREACHABLE
      expect(decodeRoute(body)).toEqual(nowhere);
      expect(concatenate(deleteRouteRequest(nowhere).body)[7]).toBe(7);
    }
  });

  test("that are neither unicast nor unreachable in the main table are not ours to see", () => {
    for (const [offset, value] of [
      [0, 28], // AF_MPLS
      [4, 255], // local table
      [7, 6], // blackhole
      [9, 2], // RTM_F_CLONED
    ] as const) {
      expect(decodeRoute(encoded.with(offset, value)), `byte ${offset}`).toBeUndefined();
    }
  });
});
