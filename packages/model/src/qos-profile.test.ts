import { describe, expect, test } from "vitest";
import { endpointQos, narrower, newQosProfileSchema, qosProfilePatchSchema } from "./qos-profile.ts";

const parse = (terms: object) => newQosProfileSchema.safeParse({ name: "bulk", ...terms });

describe("a QoS profile", () => {
  test("is kept as it is best written, and becomes numbers for the node", () => {
    const profile = newQosProfileSchema.parse({
      name: "bulk",
      egress: { rate: "0.1gbit", packets: 5000 },
      ingress: { rate: "1000Mbit", burst: "1024KiB" },
      dscp: "af41",
      guarantee: "50000kbit",
    });
    expect(profile).toMatchObject({
      egress: { rate: "100Mbit" },
      ingress: { rate: "1Gbit", burst: "1MiB" },
      dscp: 34,
      guarantee: "50Mbit",
    });
    expect(endpointQos(profile)).toEqual({
      profile: "bulk",
      egress: { rate: 100e6, burst: 65_536, packets: 5000 },
      ingress: { rate: 1e9, burst: 1_048_576 },
      dscp: 34,
      guarantee: 50e6,
    });
  });

  test.each([
    [{ egress: { rate: "fast" } }, "egress.rate"],
    [{ ingress: { burst: "64KiB" } }, "ingress.burst"],
    [{ ingress: { rate: "1Mbit", burst: "1B" } }, "ingress.burst"],
    [{ egress: { packets: 0 } }, "egress.packets"],
    [{ dscp: 64 }, "dscp"],
    [{ dscp: "gold" }, "dscp"],
    [{ connections: 0 }, "connections"],
    [{ guarantee: "1Kbit" }, "guarantee"],
  ])("that says %j is refused at %s", (terms, field) => {
    expect(parse(terms).error?.issues[0]?.path.join(".")).toBe(field);
  });

  test("loses what a change says is null", () => {
    expect(qosProfilePatchSchema.parse({ egress: null, dscp: null })).toEqual({ egress: null, dscp: null });
  });
});

describe("of two terms", () => {
  test("the narrower limit counts, with its own burst", () => {
    const profile = { profile: "bulk", egress: { rate: 2e6, burst: 2, packets: 9 }, connections: 7 } as never;
    const runtime = { egress: { rate: 1e6, burst: 1 }, ingress: { rate: 3e6, burst: 3 }, connections: 8 };
    expect(narrower(profile, runtime)).toEqual({
      profile: "bulk",
      egress: { rate: 1e6, burst: 1, packets: 9 },
      ingress: { rate: 3e6, burst: 3 },
      connections: 7,
    });
  });
});
