import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Kernel } from "../kernel.ts";
import type { Qdisc, TrafficClass, TrafficControl } from "../traffic/traffic-control.ts";

export interface TrafficEnvironment extends AsyncDisposable {
  readonly kernel: Kernel;
  readonly traffic: TrafficControl;
}

const TBF = { link: "q1", handle: 7, kind: "tbf", rate: 100e6, burst: 65_536, limit: 312_500 } as const satisfies Qdisc;
const HTB = { link: "q1", handle: 7, kind: "htb", defaultMinor: 0xffff } as const satisfies Qdisc;
const ROOT = {
  link: "q1",
  id: { qdisc: 7, minor: 1 },
  rate: 1e9,
  ceiling: 1e9,
  burst: 125_000,
  ceilingBurst: 64_000,
} as const;
const LEAF = {
  link: "q1",
  id: { qdisc: 7, minor: 0x10 },
  parent: ROOT.id,
  rate: 50e6,
  ceiling: 40e9,
  burst: 16_000,
  ceilingBurst: 512_000,
} as const satisfies TrafficClass;

/** What every `TrafficControl` must do; run it against the fake and against the real one. */
export function trafficCompliance(name: string, makeEnvironment: () => Promise<TrafficEnvironment>): void {
  describe(`${name}: traffic control`, () => {
    let environment: TrafficEnvironment;
    let kernel: Kernel;
    let traffic: TrafficControl;
    beforeEach(async () => {
      environment = await makeEnvironment();
      ({ kernel, traffic } = environment);
    });
    afterEach(async () => {
      await environment[Symbol.asyncDispose]();
    });

    test("an ifb is made once, up, and says whose it is", async () => {
      for (let time = 0; time < 2; time++) traffic.createIfb({ name: "q1", alias: "holdfast a" });
      expect(await kernel.getLink("q1")).toMatchObject({ kind: "ifb", alias: "holdfast a", up: true });
      await kernel.deleteLink("q1");
      expect(await kernel.getLink("q1")).toBeUndefined();
    });

    test("an ifb does not take the place of another link", async () => {
      await kernel.createVeth({ name: "q1", peer: "p1", mtu: 1500 });
      expect(() => traffic.createIfb({ name: "q1", alias: "a" })).toThrow("create ifb q1");
      expect(await kernel.getLink("q1")).not.toHaveProperty("alias");
    });

    test("a token bucket is set, changed and removed, each twice", () => {
      traffic.createIfb({ name: "q1", alias: "a" });
      for (const qdisc of [TBF, TBF, { ...TBF, rate: 40e9, burst: 2_500_000 }, { ...TBF, rate: 64_000 }]) {
        traffic.setQdisc(qdisc);
        expect(withoutBurst(traffic.rootQdisc("q1"))).toEqual(withoutBurst(qdisc));
        expect(burstOf(traffic.rootQdisc("q1"))).toBeGreaterThanOrEqual(qdisc.burst - 1 - (qdisc.rate * 64) / 8e9);
        expect(burstOf(traffic.rootQdisc("q1"))).toBeLessThanOrEqual(qdisc.burst);
      }
      for (let time = 0; time < 2; time++) traffic.deleteRootQdisc("q1");
      expect(traffic.rootQdisc("q1")?.handle).not.toBe(TBF.handle);
    });

    test("a bucket's packets wait in the queue that it is given", () => {
      traffic.createIfb({ name: "q1", alias: "a" });
      traffic.setQdisc(TBF);
      const queue = { link: "q1", handle: 8, parent: { qdisc: 7, minor: 1 }, kind: "bfifo", limit: 200_000 } as const;
      for (let time = 0; time < 2; time++) traffic.setQdisc(queue);
      expect(withoutBurst(traffic.rootQdisc("q1"))).toEqual(withoutBurst(TBF));
    });

    test("a tree of classes is built, changed and cut, each twice", () => {
      traffic.createIfb({ name: "q1", alias: "a" });
      for (let time = 0; time < 2; time++) traffic.setQdisc(HTB);
      expect(traffic.rootQdisc("q1")).toEqual(HTB);
      for (const one of [ROOT, LEAF, ROOT, LEAF]) traffic.setClass(one);
      expect(traffic.listClasses("q1").toSorted(byMinor)).toEqual([ROOT, LEAF]);
      traffic.setClass({ ...LEAF, rate: 60e6 });
      expect(traffic.listClasses("q1").toSorted(byMinor)[1]).toMatchObject({
        rate: 60e6,
        ceiling: 40e9,
        parent: ROOT.id,
      });
      for (let time = 0; time < 2; time++) traffic.deleteClass("q1", LEAF.id);
      expect(traffic.listClasses("q1").map(({ id }) => id)).toEqual([ROOT.id]);
    });

    test("what comes in at a link comes in at another one instead, each said twice", async () => {
      await kernel.createVeth({ name: "q1", peer: "p1", mtu: 1500, up: true });
      await kernel.createVeth({ name: "q2", peer: "p2", mtu: 1500, up: true });
      expect(traffic.ingressTarget("p1")).toBeUndefined();
      for (const to of ["q2", "q2", "p2", "p2"]) {
        traffic.redirectIngress({ from: "p1", to });
        expect(traffic.ingressTarget("p1")).toBe(to);
      }
      await kernel.deleteLink("q2");
      expect(traffic.ingressTarget("p1")).toBeUndefined();
      expect(() => traffic.redirectIngress({ from: "p1", to: "q2" })).toThrow(/ENODEV|no such link/);
      expect(() => traffic.redirectIngress({ from: "q2", to: "p1" })).toThrow(/ENODEV|no such link/);
    });

    test("of a link that is not there nothing is read or removed, and nothing set", () => {
      expect(traffic.rootQdisc("none")).toBeUndefined();
      expect(traffic.listClasses("none")).toEqual([]);
      expect(traffic.ingressTarget("none")).toBeUndefined();
      traffic.deleteRootQdisc("none");
      traffic.deleteClass("none", LEAF.id);
      expect(() => traffic.setQdisc({ ...TBF, link: "none" })).toThrow(/ENODEV|no such link/);
      expect(() => traffic.setClass({ ...LEAF, link: "none" })).toThrow(/ENODEV|no such link/);
    });
  });
}

function withoutBurst<T extends object>(row: T | undefined): object | undefined {
  return row && { ...row, burst: undefined };
}

function burstOf(qdisc: Qdisc | undefined): number {
  return qdisc?.kind === "tbf" ? qdisc.burst : Number.NaN;
}

function byMinor(a: TrafficClass, b: TrafficClass): number {
  return a.id.minor - b.id.minor;
}
