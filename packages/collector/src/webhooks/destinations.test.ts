import { expect, test } from "vitest";
import { parseAllowedDestinations } from "./allowed.ts";
import { createDestinations } from "./destinations.ts";

const NAMES: Readonly<Record<string, readonly string[]>> = {
  "hooks.example": ["192.0.2.9", "2001:db8::9"],
  "office.example": ["10.1.2.3"],
  "inside.example": ["127.0.0.1"],
  "half.example": ["192.0.2.9", "169.254.169.254"],
  "controller.example": ["10.0.0.2"],
};

const destinations = (allow = "") =>
  createDestinations(
    {
      lookup: (host) => Promise.resolve(NAMES[host] ?? []),
      ownAddresses: () => ["127.0.0.1", "10.0.0.9", "fe80::9", "2001:db8::99"],
    },
    { allow: parseAllowedDestinations(allow), platformHosts: ["controller.example", "10.0.0.3", "[2001:db8::3]"] },
  );

test.each([
  ["inside.example", "a loopback address"],
  ["127.8.8.8", "a loopback address"],
  ["0.0.0.0", "a loopback address"],
  ["[::1]", "a loopback address"],
  ["[::ffff:127.0.0.2]", "a loopback address"],
  ["[64:ff9b::7f00:2]", "a loopback address"],
  ["half.example", "a link-local address"],
  ["169.254.169.254", "a link-local address"],
  ["[fe80::1]", "a link-local address"],
  ["239.1.1.1", "a multicast or reserved address"],
  ["255.255.255.255", "a multicast or reserved address"],
  ["[ff02::1]", "a multicast or reserved address"],
  ["controller.example", "a machine of the platform"],
  ["10.0.0.2", "a machine of the platform"],
  ["[::ffff:10.0.0.3]", "a machine of the platform"],
  ["[2001:db8::3]", "a machine of the platform"],
  ["10.0.0.9", "a machine of the platform"],
  ["[2001:db8::99]", "a machine of the platform"],
])("a tenant's webhook does not go to %s", async (host, why) => {
  await expect(destinations().resolve(host)).rejects.toMatchObject({
    code: "precondition_failed",
    message: `a tenant's webhook may not go to ${why}; what else it may is said by the collector's --webhook-allow`,
  });
});

test.each([
  ["hooks.example", ["192.0.2.9", "2001:db8::9"]],
  ["office.example", ["10.1.2.3"]],
  ["10.0.0.4", ["10.0.0.4"]],
  ["[2001:db8::4]", ["2001:db8::4"]],
])("it goes to %s", async (host, addresses) => {
  expect(await destinations().resolve(host)).toEqual(addresses);
});

test("administrators allow prefixes, addresses and hosts", async () => {
  const some = destinations("127.0.0.0/8, 10.0.0.9, Half.example,2001:db8::/32");
  for (const host of ["inside.example", "10.0.0.9", "half.example", "[::ffff:127.0.0.2]", "[2001:db8::3]"])
    expect(await some.resolve(host)).not.toEqual([]);
  await expect(some.resolve("169.254.169.254")).rejects.toThrow("link-local");
  await expect(some.resolve("10.0.0.2")).rejects.toThrow("a machine of the platform");
  expect(() => parseAllowedDestinations("10.0.0.0/8,hooks example")).toThrow(
    '"hooks example" is neither a prefix nor a host',
  );
});

test("what is plain from an address alone is told at once, and nothing is asked for a name", () => {
  const { whyRefused } = destinations();
  expect(["127.0.0.1", "[::1]", "10.0.0.9", "192.0.2.9", "inside.example"].map(whyRefused)).toEqual([
    "a loopback address",
    "a loopback address",
    "a machine of the platform",
    undefined,
    undefined,
  ]);
});
