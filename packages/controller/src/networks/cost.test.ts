import { Name } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { newClaimSchema, newNetworkSchema } from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { expect, test } from "vitest";
import { OPERATOR, startEngine } from "../testing/engine-harness.ts";
import { type StepCounter, startStepCounter } from "../testing/steps.ts";

const TENANTS = Array.from({ length: 40 }, (_, index) => Name.parse(`t${index}`));
const WEB = Name.parse("web");

/** Steps for networks with these subnets, one for each tenant: to make them, to claim in each, to start with them again. */
async function costOf(steps: StepCounter, prefixes: readonly string[]) {
  const clock = new ManualClock();
  const store = openMemoryStore({ clock });
  const first = await startEngine({ store, clock });
  const { tenants, networks, claims } = first.engine.nouns;
  for (const name of TENANTS) await tenants.create({ name, labels: {} }, OPERATOR);
  const body = { name: "web", kind: "vxlan", subnets: prefixes.map((prefix) => ({ prefix })) };
  const made = await steps.of(async () => {
    for (const tenant of TENANTS) await networks.create(tenant, newNetworkSchema.parse(body), OPERATOR);
  });
  const wanted = newClaimSchema.parse({ identity: "a" });
  const claimed = await steps.of(async () => {
    for (const tenant of TENANTS) await claims.create(tenant, WEB, wanted, OPERATOR);
  });
  await first.engine.stop();
  const started = await steps.of(async () => {
    const second = await startEngine({ store, clock });
    await second.engine.stop();
  });
  return { made, claimed, started };
}

test("networks of any size cost no more steps to make, to claim in and to start with than small ones, of one family or both", async () => {
  await using steps = await startStepCounter();
  const small = await costOf(steps, ["10.0.0.0/28", "fd00::/124"]);
  const large = await costOf(steps, ["10.0.0.0/8", "fd00::/64"]);
  for (const what of ["made", "claimed", "started"] as const) {
    expect(small[what], what).toBeGreaterThan(TENANTS.length);
    expect(large[what], what).toBeLessThan(small[what] * 1.1);
  }
});
