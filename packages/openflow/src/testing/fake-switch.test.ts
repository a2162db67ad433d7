import { describe, expect, test } from "vitest";
import type { Flow } from "../flow.ts";
import { openFlowCompliance } from "./compliance.ts";
import { FakeSwitch } from "./fake-switch.ts";

const signal = new AbortController().signal;
const flow = (priority: number): Flow => ({ table: 1, priority, cookie: 0n, match: {}, actions: [] });

openFlowCompliance("the fake", async () => {
  const fake = new FakeSwitch([{ number: 0xffff_fffe, name: "br0" }]);
  return {
    openFlow: fake,
    text: () => Promise.resolve(String(fake).split("\n")),
    [Symbol.asyncDispose]: () => fake.close(),
  };
});

describe("the fake switch", () => {
  test("keeps a log of what changed, and counts bundles", async () => {
    const fake = new FakeSwitch();
    await fake.apply({ add: [flow(2), flow(1)], remove: [flow(9)] }, signal);
    await fake.apply({ add: [], remove: [flow(2)] }, signal);
    expect(fake.log).toEqual([
      "add table=1, priority=2 actions=drop",
      "add table=1, priority=1 actions=drop",
      "del table=1, priority=2",
    ]);
    expect(fake.bundles).toBe(2);
    expect(String(fake)).toBe("table=1, priority=1 actions=drop");
  });

  test("fails the next call only, and then changes nothing", async () => {
    const fake = new FakeSwitch();
    fake.failNext("apply", "OFPFMFC_TABLE_FULL");
    await expect(fake.apply({ add: [flow(1)], remove: [] }, signal)).rejects.toMatchObject({
      code: "switch_rejected",
      details: { error: "OFPFMFC_TABLE_FULL" },
    });
    expect(String(fake)).toBe("");
    await fake.apply({ add: [flow(1)], remove: [] }, signal);
    expect(fake.bundles).toBe(1);
  });

  test("is unavailable while disconnected, and has lost its flows after a restart", async () => {
    const fake = new FakeSwitch();
    await fake.apply({ add: [flow(1)], remove: [] }, signal);
    fake.disconnect();
    await expect(fake.dump()).rejects.toMatchObject({ code: "unavailable" });
    fake.reconnect();
    expect(await fake.dump()).toHaveLength(1);
    fake.reconnect("restarted");
    expect(await fake.dump()).toEqual([]);
  });
});
