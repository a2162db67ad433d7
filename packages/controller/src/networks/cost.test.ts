import { Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { newClaimSchema, newNetworkSchema } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { expect, test } from "vitest";
import { OPERATOR, startEngine } from "../testing/engine-harness.ts";

const TENANTS = Array.from({ length: 40 }, (_, index) => Name.parse(`t${index}`));
const WEB = Name.parse("web");

type Cost = Awaited<ReturnType<typeof costOf>>;

/** Milliseconds for networks with these subnets, one for each tenant: to make them, to claim in each, to start with them again. */
async function costOf(prefixes: readonly string[]) {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const first = await startEngine({ store, clock });
  const timed = async (work: () => Promise<unknown>): Promise<number> => {
    const begun = performance.now();
    await work();
    return performance.now() - begun;
  };
  const { tenants, networks, claims } = first.engine.nouns;
  for (const name of TENANTS) await tenants.create({ name, labels: {} }, OPERATOR);
  const body = { name: "web", kind: "vxlan", subnets: prefixes.map((prefix) => ({ prefix })) };
  const made = await timed(async () => {
    for (const tenant of TENANTS) await networks.create(tenant, newNetworkSchema.parse(body), OPERATOR);
  });
  const wanted = newClaimSchema.parse({ identity: "a" });
  const claimed = await timed(async () => {
    for (const tenant of TENANTS) await claims.create(tenant, WEB, wanted, OPERATOR);
  });
  await first.engine.stop();
  const started = await timed(async () => {
    const second = await startEngine({ store, clock });
    await second.engine.stop();
  });
  return { made, claimed, started };
}

test("networks of any size are made, claimed in and started with as fast as small ones, of one family or both", {
  timeout: 60_000,
}, async () => {
  const small = ["10.0.0.0/28", "fd00::/124"];
  const large = ["10.0.0.0/8", "fd00::/64"];
  // The first round warms up.
  const rounds: { readonly small: Cost; readonly large: Cost }[] = [];
  for (let round = 0; round < 5; round++) rounds.push({ small: await costOf(small), large: await costOf(large) });
  for (const what of ["made", "claimed", "started"] as const) {
    const least = (size: "small" | "large"): number => Math.min(...rounds.slice(1).map((round) => round[size][what]));
    expect(least("large"), what).toBeLessThan(least("small") * 3);
  }
});
