import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HoldfastError, Name } from "@holdfast/core";
import type { FlowExporter, NewFlowAlarmInput } from "@holdfast/model";
import { openSqliteStore } from "@holdfast/store";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type AlarmStage,
  api,
  busy,
  mbit,
  office,
  ofTenant,
  platform,
  redis,
  spec,
  startAlarmStage,
  teller,
} from "../testing/alarm-stage.ts";
import { nobody, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import type { AlarmName } from "./kept.ts";
import { MOST_ALARMS } from "./room.ts";
import { MOST_GROUPS } from "./traffic-values.ts";

function removeFiles(path: string): void {
  for (const end of ["", "-wal", "-shm", ".pid"]) rmSync(path + end, { force: true });
}

describe("alarms", () => {
  let stage: AlarmStage;
  beforeEach(async () => {
    stage = await startAlarmStage();
  });
  afterEach(() => stage.close());

  test("have a state for each group, and are raised and cleared with each by the windows that end", async () => {
    await stage.alarms.put(platform("busy"), spec(busy));
    await stage.windows([mbit(redis, 120)]);
    expect(stage.state("busy")).toBe("unknown");
    await stage.windows([mbit(redis, 120), mbit(api, 90)]);
    expect(stage.events()).toEqual([["raised", { tenant: "shop", identity: "redis-0" }, 120e6]]);
    await stage.windows([mbit(redis, 90), mbit(api, 101)]);
    expect(stage.alarms.get(platform("busy"))).toMatchObject({ state: "firing", firing: 2, unit: "bit/s" });
    await stage.windows([mbit(redis, 79), mbit(api, 101)], []);
    expect(stage.events().slice(0, 2)).toEqual([
      ["cleared", { tenant: "shop", identity: "api-1" }, undefined],
      ["cleared", { tenant: "shop", identity: "redis-0" }, 79e6],
    ]);
    expect(stage.state("busy")).toBe("ok");
    expect(stage.logger.events.filter(({ level }) => level === "warn").map(({ message }) => message)).toEqual([
      "an alarm was raised",
      "an alarm was raised",
    ]);
  });

  test("of a share, of what has no name and of too little say what it is", async () => {
    await stage.alarms.put(
      platform("all-from"),
      spec({ on: { kind: "share", by: "identity" }, over: "10s", raise: { at: "60%" } }),
    );
    await stage.alarms.put(
      platform("outside"),
      spec({ on: { kind: "share", filter: "peer.prefix=office" }, over: "10s", raise: { at: 99 } }),
    );
    await stage.alarms.put(
      platform("no-name"),
      spec({ on: { kind: "unattributed" }, over: "10s", raise: { at: "20%" } }),
    );
    const filter = "identity=redis-0";
    await stage.alarms.put(
      platform("quiet"),
      spec({
        on: { kind: "rate", filter },
        when: "below",
        over: "10s",
        raise: { at: "1Mbit" },
        clear: { at: "2Mbit" },
      }),
    );
    await stage.windows(
      [],
      [mbit(redis, 70), mbit(api, 5), traffic(nobody("10.20.0.99"), office, { bytes: (25e6 * 10) / 8 })],
    );
    // Of what containers have, and of all there is.
    expect(stage.events()).toEqual([
      ["raised", {}, 25],
      ["raised", { tenant: "shop", identity: "redis-0" }, (100 * 70) / 75],
    ]);
    expect(stage.alarms.history({ limit: 9, alarm: Name.parse("all-from") }).items).toHaveLength(1);
    await stage.windows([]);
    expect(stage.alarms.history({ limit: 9, alarm: Name.parse("quiet") }).items).toMatchObject([
      { event: "raised", value: 0 },
    ]);
    expect([stage.state("no-name"), stage.state("quiet"), stage.state("outside")]).toEqual(["ok", "firing", "ok"]);
  });

  test("of what has no name are of a tenant's own traffic where they are his", async () => {
    const noName = spec({ on: { kind: "unattributed" }, over: "10s", raise: { at: "20%" } });
    for (const tenant of ["shop", "bank"]) await stage.alarms.put(ofTenant(tenant, "no-name"), noName);
    const unknown = nobody("10.20.0.99");
    await stage.windows([], [mbit(redis, 75), traffic(redis, unknown, { bytes: (25e6 * 10) / 8 })]);
    await stage.windows([mbit(redis, 75), mbit(teller, 5), traffic(unknown, office, { bytes: (90e6 * 10) / 8 })]);
    expect(stage.alarms.history({ limit: 9 }).items.map(({ tenant, event, value }) => [tenant, event, value])).toEqual([
      ["shop", "cleared", 0],
      ["shop", "raised", 25],
    ]);
  });

  test("wait as long as they are to, and take nothing for held that nobody saw", async () => {
    await stage.alarms.put(
      platform("busy"),
      spec({ ...busy, raise: { at: "100Mbit", for: "20s" }, clear: { at: "80Mbit", for: "10s" } }),
    );
    await stage.windows([], [mbit(redis, 120)], [mbit(redis, 120)]);
    expect(stage.state("busy")).toBe("pending");
    await stage.windows([mbit(redis, 120)], [mbit(redis, 1)]);
    expect([stage.state("busy"), stage.events().length]).toEqual(["firing", 1]);
    await stage.windows([mbit(redis, 1)]);
    expect(stage.state("busy")).toBe("ok");
    await stage.windows([mbit(redis, 120)]);
    stage.start += 3_600_000;
    await stage.windows([mbit(redis, 120)], [mbit(redis, 120)]);
    expect(stage.state("busy")).toBe("pending");
  });

  test("look at no time of which the store has lost a window, and say so", async () => {
    await stage.alarms.put(
      platform("busy"),
      spec({ ...busy, over: "20s", when: "below", raise: { at: "1Mbit" }, clear: { at: "2Mbit" } }),
    );
    await stage.windows([mbit(redis, 5)], [mbit(redis, 5)], [mbit(redis, 5)]);
    expect(stage.state("busy")).toBe("ok");
    stage.loses = true;
    await stage.windows([mbit(redis, 5)]);
    stage.loses = false;
    await stage.windows([mbit(redis, 5)]);
    expect([stage.state("busy"), stage.events()]).toEqual(["unknown", []]);
    expect(stage.alarms.get(platform("busy")).problem).toContain("without a gap");
    await stage.windows([mbit(redis, 5)]);
    expect([stage.state("busy"), stage.events()]).toEqual(["ok", []]);
    // One that it was never given, because too many waited.
    stage.start += 10_000;
    await stage.windows([mbit(redis, 5)]);
    expect([stage.state("busy"), stage.events()]).toEqual(["unknown", []]);
  });

  test("on exporters know who was heard before a restart, and blame nobody for the time in between", async () => {
    const heard = (agent: string, at: number): FlowExporter =>
      ({ agent, subAgent: 0, heardAt: new Date(at).toISOString(), node: "h1" }) as unknown as FlowExporter;
    await stage.alarms.put(platform("deaf"), spec({ on: { kind: "silent" }, raise: { at: "30s" } }));
    stage.exporters = [heard("192.0.2.1", TEN_O_CLOCK + 10_000), heard("192.0.2.2", TEN_O_CLOCK + 30_000)];
    await stage.windows([], [], []);
    expect(stage.events()).toEqual([]);
    await stage.windows([]);
    expect(stage.events()).toEqual([["raised", { exporter: "192.0.2.1", node: "h1" }, 30]]);
    // Both are not known to the new process yet.
    stage.exporters = [];
    stage.start += 600_000;
    await stage.open();
    await stage.windows([], []);
    expect(stage.state("deaf")).toBe("firing");
    stage.exporters = [heard("192.0.2.1", stage.start + 10_000)];
    await stage.windows([], []);
    expect(stage.events().slice(0, 2)).toEqual([
      ["raised", { exporter: "192.0.2.2", node: "h1" }, undefined],
      ["cleared", { exporter: "192.0.2.1", node: "h1" }, 0],
    ]);
    expect(() => spec({ on: { kind: "silent" }, when: "below", raise: { at: "30s" } })).toThrow("silence");
    await expect(
      stage.alarms.put(ofTenant("shop", "x"), spec({ on: { kind: "silent" }, raise: { at: "1m" } })),
    ).rejects.toThrow("on.kind");
  });

  test("on drops go by what switches count at ports, each tenant's own", async () => {
    const on = { kind: "drops" } as const;
    await stage.alarms.put(platform("losing"), spec({ on, raise: { at: 10 }, clear: { at: 1 } }));
    await stage.alarms.put(ofTenant("bank", "losing"), spec({ on, raise: { at: "10/s" } }));
    stage.drops = [
      { end: redis, rate: 12 },
      { end: teller, rate: 5 },
    ];
    await stage.windows([]);
    expect(stage.events()).toEqual([["raised", { tenant: "shop", network: "web", identity: "redis-0" }, 12]]);
    // A port that is gone drops nothing.
    stage.drops = [{ end: teller, rate: 11 }];
    await stage.windows([], []);
    const ofBank = stage.alarms.history({ limit: 9, tenant: Name.parse("bank") }).items;
    expect(ofBank.map(({ event, key }) => [event, key.identity])).toEqual([["raised", "teller-0"]]);
    expect(stage.alarms.get(platform("losing"))).toMatchObject({ unit: "packet/s", firing: 1 });
    expect(() => spec({ on, when: "below", raise: { at: 1 } })).toThrow("drops are watched above a rate");
  });

  test("on what is denied go by what policies dropped, each tenant's own, and not by guards", async () => {
    const on = { kind: "denied" } as const;
    const drop = async (tenant: string | undefined, packets: number): Promise<void> => {
      const by = tenant === undefined ? { guard: "mac" } : { tenant, policy: "db", direction: "ingress" as const };
      const drops = [10, 30].map((share) => ({
        ...by,
        at: stage.start + share,
        node: "h1",
        packets: packets / 2,
        bytes: 0,
      }));
      await stage.flows.take({ ...windowOf(stage.start, []), drops });
    };
    await stage.alarms.put(platform("scanned"), spec({ on, over: "10s", raise: { at: 10 }, clear: { at: 5 } }));
    await stage.alarms.put(ofTenant("bank", "scanned"), spec({ on, over: "10s", raise: { at: 1 } }));
    await stage.windows([]);
    await drop("shop", 120);
    await drop(undefined, 5000);
    await stage.windows([]);
    expect(stage.events()).toEqual([["raised", { tenant: "shop", policy: "db" }, 12]]);
    await drop("bank", 20);
    await stage.windows([], []);
    expect(stage.events().filter(([, key]) => JSON.stringify(key).includes("shop"))).toEqual([
      ["cleared", { tenant: "shop", policy: "db" }, undefined],
      ["raised", { tenant: "shop", policy: "db" }, 12],
    ]);
    const ofBank = stage.alarms.history({ limit: 9, tenant: Name.parse("bank") }).items;
    expect(ofBank.map(({ event, key }) => [event, key.policy])).toEqual([
      ["cleared", "db"],
      ["raised", "db"],
    ]);
    expect(stage.alarms.get(platform("scanned"))).toMatchObject({ unit: "packet/s", firing: 0 });
  });

  test("on what is denied do not take a time that was not heard for one without drops", async () => {
    const drops = [{ tenant: "shop", policy: "db", direction: "ingress" as const, node: "h1", packets: 500, bytes: 0 }];
    const drop = (): Promise<void> =>
      stage.flows.take({ ...windowOf(stage.start, []), drops: drops.map((one) => ({ ...one, at: stage.start })) });
    const name = platform("scanned");
    await stage.alarms.put(
      name,
      spec({ on: { kind: "denied" }, over: "10s", raise: { at: 10 }, clear: { for: "20s" } }),
    );
    const look = () => {
      const { state, problem } = stage.alarms.get(name);
      return [state, problem];
    };
    stage.heardDrops = () => undefined;
    await stage.windows([], []);
    expect(look()).toEqual(["unknown", "the controller, which tells what policies drop, is not reached"]);
    const since = stage.start + 5000;
    stage.heardDrops = () => ({ since, until: stage.clock.now().getTime() });
    await stage.windows([]);
    expect(look()).toEqual(["unknown", expect.stringMatching(/^what policies drop is looked at again in 5s,/)]);
    await drop();
    await stage.windows([]);
    expect(look()).toEqual(["firing", undefined]);
    // It calms down unseen: what is raised stays so.
    const until = stage.start;
    stage.heardDrops = () => ({ since, until });
    await stage.windows([], [], [], []);
    expect(look()).toEqual(["firing", "the controller has said nothing of what policies drop for 40s"]);
    expect(await stage.alarms.test(name, AbortSignal.timeout(1000))).toMatchObject({
      groups: [],
      problem: "the controller has said nothing of what policies drop for 40s",
    });
    stage.heardDrops = () => ({ since, until: stage.clock.now().getTime() });
    await stage.windows([], [], []);
    expect(look()).toEqual(["ok", undefined]);
  });

  test("on what is denied are refused where no controller tells it, and those that there are say so", async () => {
    const denied = spec({ on: { kind: "denied" }, over: "10s", raise: { at: 1 } });
    await stage.alarms.put(platform("scanned"), denied);
    await stage.close();
    stage.heardDrops = undefined;
    await stage.open();
    const why = "this collector follows no controller, which tells what policies drop";
    await expect(stage.alarms.put(platform("other"), denied)).rejects.toMatchObject({
      code: "precondition_failed",
      message: `on.kind: ${why}; start it without --no-names`,
    });
    await stage.windows([], []);
    expect(stage.alarms.get(platform("scanned"))).toMatchObject({ state: "unknown", problem: why });
  });

  test("see and tell each tenant his own alone", async () => {
    await stage.alarms.put(ofTenant("shop", "busy"), spec(busy));
    await stage.alarms.put(ofTenant("bank", "busy"), spec(busy));
    await stage.windows([], [traffic(teller, api, { bytes: (200e6 * 10) / 8 }), mbit(redis, 150)]);
    const tenant = Name.parse("shop");
    expect(stage.alarms.history({ limit: 9, tenant }).items.map(({ key }) => key)).toEqual([
      { tenant: "shop", identity: "redis-0" },
      { tenant: "shop", identity: "api-1" },
    ]);
    const bank = stage.alarms.history({ limit: 9, tenant: Name.parse("bank"), alarm: Name.parse("busy") }).items;
    expect(bank.map(({ key }) => key)).toEqual([{ tenant: "bank", identity: "teller-0" }]);
    expect(stage.alarms.list({ limit: 9, tenant }).items.map((one) => one.tenant)).toEqual(["shop"]);
    expect(() => stage.alarms.get(platform("busy"))).toThrow("there is no alarm busy (the platform's own");
    await expect(stage.alarms.delete(ofTenant("other", "busy"))).rejects.toThrow(
      "there is no alarm busy (tenant other)",
    );
  });

  test("cost one question for all groups, and for all alarms that ask the same", async () => {
    let questions = 0;
    const { sums } = stage.flows;
    Object.assign(stage.flows, {
      sums: (plan: Parameters<typeof sums>[0]) => {
        questions += 1;
        return sums(plan);
      },
    });
    await stage.alarms.put(platform("busy"), spec(busy));
    await stage.alarms.put(platform("busier"), spec({ ...busy, raise: { at: "900Mbit" } }));
    const many = Array.from({ length: MOST_GROUPS + 20 }, (_, index) =>
      mbit({ ...redis, identity: `r-${index}` }, 200 + index),
    );
    await stage.windows([], many);
    expect(questions).toBe(1);
    expect(stage.alarms.get(platform("busy"))).toMatchObject({ firing: MOST_GROUPS, groups: expect.anything() });
    await stage.windows([mbit(redis, 101)]);
    expect(stage.alarms.get(platform("busy")).firing).toBe(1);
  });

  test("are changed, and cleared when they mean something else, are disabled or deleted", async () => {
    const first = await stage.alarms.put(platform("busy"), spec(busy));
    await stage.windows([], [mbit(redis, 120)]);
    expect(await stage.alarms.put(platform("busy"), spec(busy))).toMatchObject({
      updatedAt: first.updatedAt,
      state: "firing",
    });
    expect(await stage.alarms.put(platform("busy"), spec({ ...busy, raise: { at: "90Mbit" } }))).toMatchObject({
      firing: 1,
    });
    expect(await stage.alarms.put(platform("busy"), spec({ ...busy, enabled: false }))).toMatchObject({
      state: "disabled",
    });
    expect(stage.events().map(([event]) => event)).toEqual(["cleared", "raised"]);
    await stage.windows([mbit(redis, 120)]);
    expect(stage.events()).toHaveLength(2);
    await stage.alarms.put(platform("busy"), spec(busy));
    await stage.windows([mbit(redis, 120)]);
    await stage.alarms.delete(platform("busy"));
    expect(stage.events().map(([event]) => event)).toEqual(["cleared", "raised", "cleared", "raised"]);
    expect(stage.alarms.list({ limit: 9 }).items).toEqual([]);
  });

  test("go by other levels from the next look on; what was raised stays, and history is as it was", async () => {
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook: { url: "http://hooks/x" } }));
    await stage.windows([], [mbit(redis, 120), mbit(api, 250)]);
    const change = { raise: { at: "200Mbit" }, clear: { at: "150Mbit", for: "0s" } };
    const changed = await stage.alarms.update(platform("busy"), change);
    expect(changed).toMatchObject({ firing: 2, raise: { at: 2e8 }, clear: { at: 1.5e8 }, webhook: { signed: false } });
    expect(stage.events().map(([event]) => event)).toEqual(["raised", "raised"]);
    const again = await stage.alarms.update(platform("busy"), change);
    expect(again.updatedAt).toBe(changed.updatedAt);
    await stage.windows([mbit(redis, 120), mbit(api, 250)]);
    expect(stage.alarms.history({ limit: 9 }).items.map(({ event, level, value }) => [event, level, value])).toEqual([
      ["cleared", 150e6, 120e6],
      ["raised", 100e6, 120e6],
      ["raised", 100e6, 250e6],
    ]);
    expect(stage.state("busy")).toBe("firing");
    await stage.alarms.update(platform("busy"), { when: "below", clear: { at: null } });
    expect(stage.events()[0]?.[0]).toBe("cleared");
    expect(stage.alarms.get(platform("busy"))).toMatchObject({ when: "below", clear: { at: 2e8 }, firing: 0 });
  });

  test("lose nothing when two are changed at once, and are as they were when a change is wrong", async () => {
    const before = await stage.alarms.put(platform("busy"), spec(busy));
    for (const [change, why] of [
      [{ raise: { at: "10Mbit" } }, "clear.at: it must not be more than raise.at"],
      [{ over: "5s" }, "over: a duration from 10s to 1h"],
      [{ webhook: { secret: "a secret of some length" } }, "webhook.url: "],
      [{ on: { kind: "unattributed" } }, "raise.at: "],
    ] as const)
      await expect(stage.alarms.update(platform("busy"), change)).rejects.toThrow(why);
    expect(stage.alarms.get(platform("busy"))).toMatchObject(before);
    await expect(stage.alarms.update(platform("other"), {})).rejects.toMatchObject({ code: "not_found" });
    await Promise.all([
      stage.alarms.update(platform("busy"), { description: "a" }),
      stage.alarms.update(platform("busy"), { over: "20s" }),
      stage.alarms.update(platform("busy"), { webhook: { url: "http://hooks/x" } }),
    ]);
    const webhook = { secret: "a secret of some length" };
    expect(await stage.alarms.update(platform("busy"), { webhook })).toMatchObject({
      description: "a",
      over: "20s",
      webhook: { origin: "http://hooks", signed: true },
    });
    const bare = await stage.alarms.update(platform("busy"), { description: null, webhook: null });
    expect([bare.description, bare.webhook]).toEqual([undefined, undefined]);
  });

  test("are refused with the field that is wrong", async () => {
    const refused = async (on: NewFlowAlarmInput["on"]) => {
      const thrown: unknown = await stage.alarms
        .put(platform("x"), spec({ on, raise: { at: 1 } }))
        .catch((error: unknown) => error);
      return thrown instanceof HoldfastError ? [thrown.details.field, thrown.message] : thrown;
    };
    expect(await refused({ kind: "rate", filter: "identiy=a" })).toEqual([
      "on.filter",
      'on.filter, character 1: there is no field "identiy"; did you mean identity?',
    ]);
    expect(await refused({ kind: "share", by: "nothing" })).toMatchObject([
      "on.by",
      expect.stringContaining("nothing"),
    ]);
  });

  test("are refused to one who has too many, and to nobody else for that", async () => {
    const fill = async (most: number, nameOf: (text: string) => AlarmName): Promise<void> => {
      for (let index = 0; index < most; index++) await stage.alarms.put(nameOf(`a${index}`), spec(busy));
    };
    await fill(MOST_ALARMS.ofTenant, (text) => ofTenant("shop", text));
    await expect(stage.alarms.put(ofTenant("shop", "one-more"), spec(busy))).rejects.toMatchObject({
      code: "quota_exceeded",
      message: `tenant shop has ${MOST_ALARMS.ofTenant} alarms, and may have no more; delete one, or tell groups apart with by`,
    });
    expect(await stage.alarms.put(ofTenant("shop", "a0"), spec({ ...busy, over: "1m" }))).toMatchObject({ over: "1m" });
    await stage.alarms.put(ofTenant("bank", "busy"), spec(busy));
    await fill(MOST_ALARMS.ofPlatform, platform);
    await expect(stage.alarms.put(platform("one-more"), spec(busy))).rejects.toThrow(
      `the platform has ${MOST_ALARMS.ofPlatform} alarms of its own, and may have no more; delete one`,
    );
    await stage.alarms.delete(ofTenant("shop", "a1"));
    await stage.alarms.put(ofTenant("shop", "one-more"), spec(busy));
  });

  test("keep definition, state, history and messages over a restart", async () => {
    await stage.close();
    const path = join(tmpdir(), `holdfast-alarms-${process.pid}.db`);
    await using files = new AsyncDisposableStack();
    files.defer(() => removeFiles(path));
    const { clock, logger } = stage;
    stage.book = await openSqliteStore({ clock, logger }, { path });
    await stage.open();
    stage.answer = () => Promise.reject(new Error("down"));
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook: { url: "http://hooks/x" } }));
    await stage.windows([], [mbit(redis, 120)]);
    await stage.close();
    await stage.book.close();
    stage.book = await openSqliteStore({ clock, logger }, { path });
    files.defer(() => stage.book.close());
    stage.answer = () => Promise.resolve(204);
    await stage.open();
    expect(stage.state("busy")).toBe("firing");
    await stage.pass(10_000);
    expect(stage.alarms.history({ limit: 9 }).items).toMatchObject([
      { event: "raised", message: { state: "delivered", tries: 2 } },
    ]);
    await stage.windows([], [mbit(redis, 1)]);
    expect(stage.events().map(([event]) => event)).toEqual(["cleared", "raised"]);
    await stage.close();
  });
});
