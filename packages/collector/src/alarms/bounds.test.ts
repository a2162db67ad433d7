import { Name } from "@holdfast/core";
import type { FlowAlarmEvent } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AlarmStage, busy, mbit, platform, redis, spec, startAlarmStage } from "../testing/alarm-stage.ts";
import { MOST_MESSAGES_OF_ONE } from "./announce.ts";
import { createEventLog, MOST_EVENTS, MOST_EVENTS_OF_ONE } from "./event-log.ts";
import { MOST_GROUPS } from "./traffic-values.ts";

describe("what alarms keep", () => {
  let stage: AlarmStage;
  beforeEach(async () => {
    stage = await startAlarmStage();
  });
  afterEach(() => stage.close());

  test("has room for so many groups; of more it is said how many are left out", async () => {
    const low = { ...busy, when: "below", raise: { at: "1Mbit" }, clear: { at: "2Mbit" } } as const;
    await stage.alarms.put(platform("low"), spec(low));
    const many = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => mbit({ ...redis, identity: `r-${from + index}` }, 5));
    await stage.windows([], many(0, MOST_GROUPS - 10), [...many(0, MOST_GROUPS - 10), ...many(1000, 30)]);
    expect(stage.alarms.get(platform("low"))).toMatchObject({ leftOut: expect.any(Number), state: "ok" });
    expect(stage.alarms.get(platform("low")).groups).toHaveLength(MOST_GROUPS);
  });

  test("forgets what is raised and not seen for seven days", async () => {
    const low = { ...busy, when: "below", raise: { at: "1Mbit" }, clear: { at: "2Mbit" } } as const;
    await stage.alarms.put(platform("low"), spec(low));
    await stage.windows([], [mbit(redis, 5)], []);
    expect(stage.state("low")).toBe("firing");
    stage.start += 6.9 * 86_400_000;
    await stage.windows([], []);
    expect(stage.state("low")).toBe("firing");
    stage.start += 0.2 * 86_400_000;
    await stage.windows([], []);
    expect([stage.state("low"), stage.events()[0]?.[0]]).toEqual(["ok", "forgotten"]);
  });

  test("forgets nothing that its absence clears, however long it was raised", async () => {
    await stage.alarms.put(platform("busy"), spec({ ...busy, clear: { at: "50Mbit", for: "2m" } }));
    await stage.windows([], [mbit(redis, 500)]);
    expect(stage.state("busy")).toBe("firing");
    stage.start += 8 * 86_400_000;
    await stage.windows([], [mbit(redis, 500)], []);
    expect(stage.state("busy")).toBe("firing");
    await stage.windows(...Array.from({ length: 13 }, () => []));
    expect([stage.state("busy"), stage.events()[0]?.[0]]).toEqual(["ok", "cleared"]);
  });

  test("of messages that nobody takes the newest", async () => {
    stage.answer = () => Promise.resolve(500);
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook: { url: "http://hooks/" } }));
    const many = Array.from({ length: MOST_MESSAGES_OF_ONE + 50 }, (_, index) =>
      mbit({ ...redis, identity: `r-${index}` }, 500),
    );
    await stage.windows([], many.slice(0, 100), many);
    expect(stage.alarms.figures().messages.waiting).toBe(MOST_MESSAGES_OF_ONE);
    const { items } = stage.alarms.history({ limit: 500 });
    expect(items.at(-1)?.message).toEqual({
      state: "failed",
      tries: expect.any(Number),
      error: "too many messages waited",
    });
  });

  test("of events so many of each alarm, so that one that flaps leaves the others' past alone", () => {
    const log = createEventLog();
    const add = (name: string) => {
      const event = { alarm: Name.parse(name) } as FlowAlarmEvent;
      for (const sequence of log.surplus(`-/${name}`, 1)) log.remove(sequence);
      log.add({ sequence: log.next, event });
    };
    add("calm");
    for (let count = 0; count < MOST_EVENTS_OF_ONE + 50; count++) add("flaps");
    const kept = (of?: string) => [...log.before(Number.POSITIVE_INFINITY, of)].length;
    expect([kept("-/calm"), kept("-/flaps")]).toEqual([1, MOST_EVENTS_OF_ONE]);
    for (let alarm = 0; alarm < MOST_EVENTS / MOST_EVENTS_OF_ONE + 1; alarm++)
      for (let count = 0; count < MOST_EVENTS_OF_ONE; count++) add(`a${alarm}`);
    expect([kept("-/calm"), kept()]).toEqual([0, MOST_EVENTS]);
  });

  test("does not get what was looked up for another alarm of that name", async () => {
    await stage.alarms.put(platform("busy"), spec(busy));
    const { sums } = stage.flows;
    let go: () => void = () => undefined;
    Object.assign(stage.flows, {
      sums: async (plan: Parameters<typeof sums>[0]) => {
        await new Promise<void>((resolve) => {
          go = resolve;
        });
        return sums(plan);
      },
    });
    await stage.windows([], [mbit(redis, 120)]);
    await stage.alarms.put(platform("busy"), spec({ ...busy, raise: { at: "900Mbit" } }));
    go();
    await stage.pass(1);
    expect(stage.events()).toEqual([]);
  });
});
