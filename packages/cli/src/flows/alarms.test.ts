import type { FlowAlarmDetail, FlowAlarmEvent } from "@holdfast/model";
import { describe, expect, test } from "vitest";
import { terminal } from "../testing/terminal.ts";

const PATH = "/v1/flows/alarms/busy";
const alarm = {
  name: "busy",
  on: { kind: "rate", measure: "bytes", by: "identity", filter: "network=web" },
  over: "1m",
  when: "above",
  unit: "bit/s",
  raise: { at: 1e8, for: "1m" },
  clear: { at: 8e7, for: "0s" },
  enabled: true,
  labels: {},
  webhook: { origin: "https://hooks.example", signed: true },
  createdAt: "2026-11-20T10:00:00.000Z",
  updatedAt: "2026-11-20T10:00:00.000Z",
  state: "firing",
  since: "2026-11-20T10:04:12.000Z",
  firing: 2,
  pending: 0,
  leftOut: 0,
  evaluatedAt: "2026-11-20T10:05:10.000Z",
  waitingMessages: 1,
  webhookProblem: "https://hooks.example answered with status 503",
};
const detail = {
  ...alarm,
  groups: [
    {
      key: { tenant: "shop", identity: "redis-0" },
      state: "firing",
      since: "2026-11-20T10:04:12.000Z",
      value: 1.2e8,
      errorPercent: 4.2,
    },
  ],
} as unknown as FlowAlarmDetail;
const event = {
  id: "n1",
  at: "2026-11-20T10:04:12.000Z",
  alarm: "busy",
  event: "cleared",
  key: { tenant: "shop", identity: "redis-0" },
  value: 7.5e7,
  unit: "bit/s",
  level: 8e7,
  seconds: 90,
  message: { state: "waiting", tries: 2, error: "https://hooks.example answered with status 503" },
} as unknown as FlowAlarmEvent;

describe("flows alarms", () => {
  test("create says all that was said, with the secret out of a file", async () => {
    const { run, seen, screen } = terminal({ [`PUT ${PATH}`]: { body: alarm } }, { key: "a secret of some length\n" });
    const line =
      "flows alarms create busy network=web --by identity --above 100Mbit --for 1m --clear-at 80Mbit --label team=a " +
      "--webhook https://hooks.example/x --webhook-secret-file key -t shop";
    expect(await run(line), screen.err).toBe(0);
    expect(seen).toEqual([
      {
        request: `PUT ${PATH}`,
        query: "tenant=shop",
        body: {
          on: { kind: "rate", filter: "network=web", by: "identity" },
          when: "above",
          raise: { at: "100Mbit", for: "1m" },
          clear: { at: "80Mbit" },
          enabled: true,
          labels: { team: "a" },
          webhook: { url: "https://hooks.example/x", secret: "a secret of some length" },
        },
      },
    ]);
    expect(screen.out).toBe("alarm busy is set; holdfast flows alarms test busy says what it sees\n");
  });

  test.each([
    ["flows alarms create x --by identity", "say either --above or --below"],
    ["flows alarms create x --above 1 --below 2", "say either --above or --below"],
    ["flows alarms create x --above 1 --webhook-secret-file key", "--webhook says where they go"],
    ["flows alarms create x --above 1 identiy=a", "did you mean identity?"],
  ])("%s is refused", async (line, why) => {
    const { run, seen, screen } = terminal();
    expect(await run(line)).toBe(1);
    expect([screen.err, seen]).toEqual([expect.stringContaining(why), []]);
  });

  test.each([
    [
      "--above 600Mbit --clear-at none --for 2m",
      { when: "above", raise: { at: "600Mbit", for: "2m" }, clear: { at: null } },
    ],
    ["--below 1Mbit", { when: "below", raise: { at: "1Mbit" } }],
    ["--clear-for 5m --over 2m", { clear: { for: "5m" }, over: "2m" }],
    ["--webhook none --description none", { webhook: null, description: null }],
    ["--webhook-secret-file key", { webhook: { secret: "a secret of some length" } }],
    ["--disabled --label team=b", { enabled: false, labels: { team: "b" } }],
    ["--enabled", { enabled: true }],
  ])("update %s changes just that", async (words, body) => {
    const answers = { [`PATCH ${PATH}`]: { body: alarm }, [`GET ${PATH}`]: { body: detail } };
    const { run, seen, screen } = terminal(answers, { key: "a secret of some length\n" });
    expect(await run(`flows alarms update busy ${words} -t shop`), screen.err).toBe(0);
    expect(seen[0]).toEqual({ request: `PATCH ${PATH}`, query: "tenant=shop", body });
    expect(screen.out).toContain("raised:     ≥ 100 Mbit/s for 1m");
  });

  test.each([
    ["", "say what is to change, e.g. --above 600Mbit"],
    ["--above 1 --below 2", "say either --above or --below"],
    ["--enabled --disabled", "say either --enabled or --disabled"],
    ["--webhook none --webhook-secret-file key", "--webhook none sends none"],
  ])("update %s is refused", async (words, why) => {
    const { run, seen, screen } = terminal();
    expect(await run(`flows alarms update busy ${words}`.trim())).toBe(1);
    expect([screen.err, seen]).toEqual([expect.stringContaining(why), []]);
  });

  test("list and show tell how they are", async () => {
    const { run, screen } = terminal({
      "GET /v1/flows/alarms": { body: { items: [alarm], revision: 1 } },
      [`GET ${PATH}`]: { body: detail },
    });
    expect(await run("flows alarms list"), screen.err).toBe(0);
    expect(screen.out).toMatchInlineSnapshot(`
      "TENANT  NAME  STATE       FOR  ON                             RAISED               CLEARED        WEBHOOK
      -       busy  firing (2)  1m   rate by identity, network=web  ≥ 100 Mbit/s for 1m  < 80.0 Mbit/s  failing
      "
    `);
    screen.out = "";
    await run("flows alarms show busy");
    expect(screen.out).toMatchInlineSnapshot(`
      "name:       busy
      tenant:     none: the platform's own
      state:      firing (2), since 1m
      on:         rate by identity, network=web
      over:       1m
      raised:     ≥ 100 Mbit/s for 1m
      cleared:    < 80.0 Mbit/s
      looked at:  2s ago
      webhook:    https://hooks.example, signed
      waiting:    1 messages
      not taken:  https://hooks.example answered with status 503
      labels:     -

      TENANT  IDENTITY  STATE   FOR  VALUE       ERROR
      shop    redis-0   firing  1m   120 Mbit/s  ±4.2%
      "
    `);
  });

  test("history tells what they did, and whether it was told", async () => {
    const { run, screen, seen } = terminal({
      "GET /v1/flows/alarm-history": { body: { items: [event], revision: 1 } },
    });
    expect(await run("flows alarms history busy --limit 5"), screen.err).toBe(0);
    expect(seen[0]?.query).toBe("alarm=busy&limit=5");
    expect(screen.out).toMatchInlineSnapshot(`
      "AGO  TENANT  ALARM  EVENT    WHAT            VALUE        LEVEL        LASTED               MESSAGE
      1m   -       busy   cleared  shop / redis-0  75.0 Mbit/s  80.0 Mbit/s  1 minute 30 seconds  waiting (2 tries): https://hooks.example answered with status 503
      "
    `);
  });

  test("test tells what it sees and whether the webhook takes messages", async () => {
    const groups = [{ key: { tenant: "shop", identity: "redis-0" }, value: 1.2e8, errorPercent: 4.2, beyond: true }];
    const webhook = {
      delivered: false,
      status: 503,
      milliseconds: 12.3,
      error: "https://hooks.example answered with status 503",
    };
    const { run, screen } = terminal({
      [`POST ${PATH}/test`]: [
        { body: { unit: "bit/s", groups, webhook } },
        {
          body: {
            unit: "bit/s",
            groups: [],
            problem: "there is no traffic yet",
            webhook: { delivered: true, milliseconds: 12.3 },
          },
        },
      ],
    });
    expect(await run("flows alarms test busy"), screen.err).toBe(0);
    await run("flows alarms test busy");
    expect(screen.out).toMatchInlineSnapshot(`
      "TENANT  IDENTITY  VALUE       ERROR  BEYOND
      shop    redis-0   120 Mbit/s  ±4.2%  yes
      the webhook did not take a test message: https://hooks.example answered with status 503
      there is no traffic yet
      the webhook took a test message in 12 ms
      "
    `);
  });

  test("where there is none, how to make one; deleting; completion", async () => {
    const { run, screen, seen } = terminal({
      "GET /v1/flows/alarms": { body: { items: [], revision: 1 } },
      [`DELETE ${PATH}`]: { status: 204 },
    });
    await run("flows alarms list");
    await run("flows alarms delete busy -t shop");
    expect(screen.out).toBe(
      "no alarms; make one: holdfast flows alarms create busy --by identity --above 500Mbit --for 1m\nalarm busy deleted\n",
    );
    expect(seen.at(-1)).toMatchObject({ query: "tenant=shop" });
    const other = terminal({ "GET /v1/flows/alarms": { body: { items: [alarm], revision: 1 } } });
    await other.run(["__complete", "flows", "alarms", "show", ""]);
    await other.run(["__complete", "flows", "alarms", "h"]);
    expect(other.screen.out).toBe("busy\nhistory\n");
  });
});

describe("a FlowAlarm that is applied", () => {
  const FILE = `
apiVersion: holdfast/v1
kind: FlowAlarm
metadata: { name: busy }
spec:
  on: { kind: rate, by: identity, filter: network=web }
  raise: { at: 100Mbit, for: 1m }
  clear: { at: 80Mbit }
  webhook: { url: https://hooks.example/x, secret: a secret of some length }
`;

  test("is made, changed and left alone; of its webhook only the collector knows whether it is the same", async () => {
    const made = terminal({ [`PUT ${PATH}`]: { body: alarm } }, { f: FILE });
    expect(await made.run("apply -f f"), made.screen.err).toBe(0);
    expect(made.screen.out).toContain("alarm busy  created");
    expect(made.seen.at(-1)).toMatchObject({
      body: { on: { kind: "rate" }, webhook: { url: "https://hooks.example/x" } },
    });
    const same = terminal({ [`GET ${PATH}`]: { body: detail }, [`PUT ${PATH}`]: { body: alarm } }, { f: FILE });
    await same.run("apply -f f");
    expect(same.screen.out).toContain("alarm busy  unchanged");
    const later = { ...alarm, updatedAt: "2026-11-20T10:05:00.000Z" };
    const moved = terminal({ [`GET ${PATH}`]: { body: detail }, [`PUT ${PATH}`]: { body: later } }, { f: FILE });
    await moved.run("apply -f f");
    expect(moved.screen.out).toContain("alarm busy  changed  webhook");
    const dry = terminal({ [`GET ${PATH}`]: { body: detail } }, { f: FILE.replace("100Mbit", "200Mbit") });
    await dry.run("apply -f f --dry-run");
    expect(dry.screen.out).toContain("alarm busy  changed   raise.at: 100000000 -> 200000000");
  });
});
