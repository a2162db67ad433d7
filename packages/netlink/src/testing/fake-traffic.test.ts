import { expect, test } from "vitest";
import { FakeKernel } from "./fake-kernel.ts";
import { FakeTraffic } from "./fake-traffic.ts";
import { trafficCompliance } from "./traffic-compliance.ts";

trafficCompliance("fake", async () => {
  const kernel = new FakeKernel();
  return { kernel, traffic: new FakeTraffic(kernel), [Symbol.asyncDispose]: () => kernel.close() };
});

test("a fake shows what an operator would type", () => {
  const traffic = new FakeTraffic(new FakeKernel());
  traffic.createIfb({ name: "q1", alias: "a" });
  traffic.setQdisc({ link: "q1", handle: 0x4846, kind: "tbf", rate: 100e6, burst: 65_536, limit: 312_500 });
  traffic.setQdisc({ link: "q1", handle: 1, parent: { qdisc: 0x4846, minor: 1 }, kind: "fq_codel" });
  expect(String(traffic)).toBe(
    "tc qdisc add dev q1 parent 4846:1 handle 1: fq_codel\n" +
      "tc qdisc add dev q1 root handle 4846: tbf rate 100000000bit burst 65536 limit 312500",
  );
});

test("a fake has the kinds that it is given", () => {
  const traffic = new FakeTraffic(new FakeKernel(), ["tbf"]);
  traffic.createIfb({ name: "q1", alias: "a" });
  expect(() => traffic.setQdisc({ link: "q1", handle: 1, kind: "fq_codel" })).toThrow("ENOENT");
});
