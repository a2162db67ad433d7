import { IpAddress, MacAddress } from "@holdfast/core";
import type { TrafficRow } from "@holdfast/flow";
import { expect, test } from "vitest";
import { container } from "../testing/made-traffic.ts";
import { createNaming } from "./naming.ts";

const redis = container("shop/web/redis-0", "10.20.0.7");
const name = createNaming(
  {
    endpoint: (number) => (number === 7 ? redis : undefined),
    nodeOf: () => "h1",
    isInside: (address) => address.startsWith("10.20."),
  },
  (address) => (address.startsWith("192.0.2.") ? "office" : undefined),
);

const exporter = { agent: IpAddress.parse("192.168.50.11"), subAgent: 0 };

/** What of a packet tells whose it is, and who it is found to be for. */
interface Told {
  readonly to?: string;
  readonly mac?: string;
  readonly owner?: number | "ambiguous";
}

/** Names of a row of Redis. */
function named({ to, mac, owner }: Told) {
  const row = {
    exporter,
    isCounted: true,
    sourceOwner: 7,
    ...(to === undefined ? {} : { ip: { source: redis.address, destination: IpAddress.parse(to) } }),
    ...(mac === undefined ? {} : { destinationMac: MacAddress.parse(mac) }),
    ...(owner === undefined ? {} : { destinationOwner: owner }),
  };
  return name(row as unknown as TrafficRow);
}

test.each<[string, Told, object, boolean]>([
  ["of several who may be meant nobody is", { owner: "ambiguous" }, { kind: "unknown", reason: "ambiguous" }, false],
  ["frames for several", { mac: "01:00:5e:00:00:01" }, { kind: "unknown", reason: "group" }, true],
  ["packets for several", { to: "224.0.0.1" }, { kind: "unknown", reason: "group" }, true],
  ["frames without IP", { mac: "02:00:00:00:00:01" }, { kind: "unknown", reason: "no-ip" }, false],
  ["an address that nobody has", { to: "10.20.0.9" }, { kind: "unknown", reason: "free" }, false],
  ["a named prefix", { to: "192.0.2.1" }, { kind: "outside", prefix: "office" }, true],
  ["anything else", { to: "198.51.100.1" }, { kind: "outside" }, true],
  ["an endpoint", { to: "10.20.0.7", owner: 7 }, redis, true],
])("%s", (_, told, destination, isAttributed) => {
  const direction = destination === redis ? "internal" : "egress";
  expect(named(told)).toMatchObject({ node: "h1", source: redis, destination, direction, isAttributed });
});

test("says also what it knows of who has no name", () => {
  const told = { to: "10.20.0.9", mac: "02:00:00:00:00:01" };
  expect(named({ ...told, owner: "ambiguous" }).destination).toEqual({
    kind: "unknown",
    reason: "ambiguous",
    address: told.to,
    mac: told.mac,
  });
});
