import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Cidr } from "./cidr.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { isHoldfastError } from "./errors.ts";
import { IpAddress } from "./ip-address.ts";
import { MacAddress } from "./mac-address.ts";
import { Identity, Name } from "./names.ts";
import { VlanId, Vni } from "./segment.ts";

const refused = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (isHoldfastError(error, "invalid_argument")) return error.message;
    throw error;
  }
  return "accepted";
};

describe("IpAddress", () => {
  test.for([
    ["10.20.0.7", "10.20.0.7"],
    ["255.255.255.255", "255.255.255.255"],
    ["FD00:0:0:0::7", "fd00::7"],
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
    ["::", "::"],
    ["1::", "1::"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
  ])("%s is written %s", ([text, canonical]) => {
    expect(IpAddress.parse(text ?? "")).toBe(canonical);
  });

  test.for([
    "",
    "10.0.0",
    "10.0.0.256",
    "10.0.0.01",
    "1:2:3",
    ":::",
    "1::2::3",
    "12345::",
    "g::",
    "10.0.0.1/8",
    "1:2:3:4:5:6:7:8:9",
  ])("%s is no address", (text) => {
    expect(refused(() => IpAddress.parse(text))).toContain("not an IP address");
  });

  test("what is an IPv6 address, and how it is written, is what URLs say", () => {
    const asUrl = (text: string): string | undefined =>
      URL.canParse(`http://[${text}]/`) ? new URL(`http://[${text}]/`).hostname.slice(1, -1) : undefined;
    const groups = fc.array(fc.constantFrom("", "", "0", "0", "00a", "FFFF", "1", "12345", "10.0.0.1", "1.2.3", "g"), {
      minLength: 2,
      maxLength: 10,
      size: "max",
    });
    const nearly = fc
      .tuple(fc.ipV6(), fc.nat({ max: 40 }), fc.constantFrom("", ":", "::", "0", ".", "f"), fc.boolean())
      .map(([text, at, more, instead]) => text.slice(0, at) + more + text.slice(instead ? at + 1 : at));
    fc.assert(
      fc.property(
        fc.oneof(
          groups.map((all) => all.join(":")),
          fc.ipV6(),
          nearly,
        ),
        (text) => {
          if (text.includes(":")) expect(IpAddress.tryParse(text)).toBe(asUrl(text));
        },
      ),
      { numRuns: 2000 },
    );
  });

  test("numbers and bytes go there and back", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 128n - 1n), (value) => {
        const v6 = IpAddress.fromBigInt("v6", value);
        const v4 = IpAddress.fromBigInt("v4", value & 0xffffffffn);
        expect(IpAddress.toBigInt(v6)).toBe(value);
        expect(IpAddress.parse(v6)).toBe(v6);
        expect(IpAddress.fromBytes(IpAddress.toBytes(v4))).toBe(v4);
        expect(IpAddress.fromBytes(IpAddress.toBytes(v6))).toBe(v6);
      }),
    );
    expect(refused(() => IpAddress.fromBigInt("v4", 2n ** 32n))).toContain("outside the v4 address space");
  });
});

describe("Cidr", () => {
  test("names the prefix that was probably meant when host bits are set", () => {
    expect(refused(() => Cidr.parse("10.20.0.1/16"))).toBe(
      "host bits are set in 10.20.0.1/16; the prefix is 10.20.0.0/16",
    );
    expect(refused(() => Cidr.parse("10.0.0.0/33"))).toContain("not a prefix");
    expect(refused(() => Cidr.parse("10.0.0.0"))).toContain("not a prefix");
  });

  test("knows its ends, its size and what it contains", () => {
    const cidr = Cidr.parse("10.20.0.0/16");
    expect([Cidr.first(cidr), Cidr.last(cidr), Cidr.size(cidr)]).toEqual(["10.20.0.0", "10.20.255.255", 65_536n]);
    expect(Cidr.contains(cidr, IpAddress.parse("10.20.9.9"))).toBe(true);
    expect(Cidr.contains(cidr, IpAddress.parse("10.21.0.0"))).toBe(false);
    expect(Cidr.contains(Cidr.parse("::/0"), IpAddress.parse("10.20.0.1"))).toBe(false);
    expect(Cidr.size(Cidr.parse("fd00::/64"))).toBe(2n ** 64n);
  });

  test.each([
    ["10.20.0.7", "10.20.0.7/32"],
    ["fd00::7", "fd00::7/128"],
  ])("of one address %s is %s", (address, prefix) => {
    expect(Cidr.host(IpAddress.parse(address))).toBe(prefix);
    expect(Cidr.isHost(Cidr.parse(prefix))).toBe(true);
    expect(Cidr.isHost(Cidr.parse("fd00::/32"))).toBe(false);
  });

  test("overlaps exactly when one contains the other's first address", () => {
    const overlap = (a: string, b: string) => Cidr.overlap(Cidr.parse(a), Cidr.parse(b));
    expect(overlap("10.0.0.0/8", "10.20.0.0/16")).toBe(true);
    expect(overlap("10.20.0.0/16", "10.0.0.0/8")).toBe(true);
    expect(overlap("10.20.0.0/16", "10.21.0.0/16")).toBe(false);
    expect(overlap("10.0.0.0/8", "a00::/8")).toBe(false);
  });
});

describe("MacAddress", () => {
  test("belongs to the address and the segment, the same every time", () => {
    expect(MacAddress.ofAddress(IpAddress.parse("10.20.0.7"), 100)).toBe("02:64:0a:14:00:07");
    expect(MacAddress.ofAddress(IpAddress.parse("fd00:20::7"), 100)).toBe("06:64:00:00:00:07");
    expect(MacAddress.ofAddress(IpAddress.parse("10.20.0.7"), 101)).not.toBe("02:64:0a:14:00:07");
  });

  test("is locally administered unicast, so that no vendor's card has it", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 2n ** 32n - 1n), fc.integer({ min: 1, max: 0xffffff }), (value, segment) => {
        const first = MacAddress.toBytes(MacAddress.ofAddress(IpAddress.fromBigInt("v4", value), segment))[0] ?? 0;
        expect(first & 0b11).toBe(0b10);
      }),
    );
  });

  test("is written in lower case with colons", () => {
    expect(MacAddress.parse("02-64-0A-14-00-07")).toBe("02:64:0a:14:00:07");
    expect(refused(() => MacAddress.parse("02:64:0a:14:00"))).toContain("not a MAC");
  });
});

describe("names", () => {
  test.for(["", "Web", "-web", "web-", "a.b", "../etc", "a".repeat(64), "a/b", "a\0"])("%j is no name", (text) => {
    expect(refused(() => Name.parse(text))).toContain("not a name");
  });

  test.for(["redis-0", "prod/mysql-1", "Web_1.2", "a"])("%s is an identity", (text) => {
    expect(Identity.parse(text)).toBe(text);
  });

  test.for(["", "/a", "a/", "a//b", "../x", "a/../b", ".a", "a".repeat(254), "a/b/c/d/e/f/g/h/i", "a b"])(
    "%j is no identity",
    (text) => {
      expect(refused(() => Identity.parse(text))).toContain("not an identity");
    },
  );
});

describe("segments", () => {
  test("VLAN 0 and 4095 are reserved, VNIs have 24 bits", () => {
    expect(VlanId.parse(4094)).toBe(4094);
    expect([0, 4095, 1.5].map((value) => refused(() => VlanId.parse(value)))).toEqual([
      "VLAN 0 is not between 1 and 4094",
      "VLAN 4095 is not between 1 and 4094",
      "VLAN 1.5 is not between 1 and 4094",
    ]);
    expect(refused(() => Vni.parse(16_777_216))).toContain("16777216");
  });
});

describe("durations", () => {
  test("are read and written as people do", () => {
    expect([parseDuration("250ms"), parseDuration("1h30m"), parseDuration("7d")]).toEqual([
      250, 5_400_000, 604_800_000,
    ]);
    expect([formatDuration(5_400_000), formatDuration(45_000), formatDuration(0)]).toEqual(["1h30m", "45s", "0s"]);
    expect(refused(() => parseDuration("5 minutes"))).toContain("not a duration");
  });
});
