import { createHmac } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type AlarmStage,
  api,
  busy,
  mbit,
  ofTenant,
  platform,
  redis,
  spec,
  startAlarmStage,
} from "../testing/alarm-stage.ts";

describe("webhooks of alarms", () => {
  let stage: AlarmStage;
  beforeEach(async () => {
    stage = await startAlarmStage();
  });
  afterEach(() => stage.close());

  const secret = "a secret of some length";
  const webhook = { url: "https://hooks.example/T0/secret-path?key=hidden", secret };

  test("tell it in order, again until it is taken, always under the same id, and signed", async () => {
    const answers = [503, 500];
    stage.answer = () => Promise.resolve(answers.shift() ?? 200);
    await stage.alarms.put(platform("busy"), spec({ ...busy, description: "too much", webhook }));
    await stage.windows([], [mbit(redis, 120)], [mbit(redis, 1)]);
    await stage.pass(1000, 10);
    const told = stage.sent.map(({ headers, body }) => [
      headers["webhook-id"],
      (JSON.parse(body) as { type: string }).type,
    ]);
    expect(told).toEqual([
      ["n1", "flow.alarm.raised"],
      ["n1", "flow.alarm.raised"],
      ["n1", "flow.alarm.raised"],
      ["n2", "flow.alarm.cleared"],
    ]);
    const [{ headers, body } = { headers: {}, body: "" }] = stage.sent;
    const signed = `n1.${(headers as Record<string, string>)["webhook-timestamp"]}.${body}`;
    expect(headers).toMatchObject({
      "webhook-signature": `v1,${createHmac("sha256", secret).update(signed).digest("base64")}`,
    });
    expect(JSON.parse(body)).toMatchObject({
      data: { alarm: "busy", value: 120e6, level: 100e6, description: "too much" },
    });
    expect(stage.alarms.history({ limit: 9 }).items[1]).toMatchObject({ message: { state: "delivered", tries: 3 } });
  });

  test("go out in the name of whose alarm it is, and not to an address that a tenant's may not have", async () => {
    const here = spec({ ...busy, webhook: { url: "http://127.0.0.1:4653/" } });
    await expect(stage.alarms.put(ofTenant("shop", "busy"), here)).rejects.toMatchObject({
      code: "invalid_argument",
      message: expect.stringMatching(/^webhook\.url: a tenant's webhook may not go to a loopback address; /),
      details: { field: "webhook.url" },
    });
    await stage.alarms.put(platform("busy"), here);
    await stage.alarms.put(ofTenant("shop", "busy"), spec({ ...busy, webhook }));
    await stage.windows([], [mbit(redis, 120)]);
    await stage.alarms.test(ofTenant("shop", "busy"), new AbortController().signal);
    expect(stage.sent.map(({ tenant }) => tenant)).toEqual([undefined, "shop", "shop"]);
  });

  test("never tell the rest of its address or the secret, not even when it cannot be reached", async () => {
    stage.answer = () => Promise.reject(new Error(`cannot reach ${webhook.url}`));
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook }));
    await stage.windows([], [mbit(redis, 120)]);
    const tested = await stage.alarms.test(platform("busy"), new AbortController().signal);
    expect(tested.webhook).toMatchObject({
      delivered: false,
      error: expect.stringContaining("https://hooks.example was not reached"),
    });
    const told = [
      stage.alarms.get(platform("busy")),
      stage.alarms.list({ limit: 9 }),
      stage.alarms.history({ limit: 9 }),
      tested,
      stage.logger.events,
    ];
    expect(JSON.stringify(told)).not.toMatch(/secret-path|hidden|a secret of/);
    expect(stage.alarms.get(platform("busy"))).toMatchObject({
      webhook: { origin: "https://hooks.example", signed: true },
      waitingMessages: 1,
    });
  });

  test("give a message up after a day, and go on with the next", async () => {
    stage.answer = () => Promise.resolve(404);
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook }));
    await stage.windows([], [mbit(redis, 120)]);
    await stage.pass(300_000, 290);
    expect(stage.alarms.history({ limit: 9 }).items[0]?.message).toMatchObject({
      state: "failed",
      error: "https://hooks.example answered with status 404",
    });
    expect(stage.alarms.figures().messages).toMatchObject({ failed: 1, waiting: 0 });
  });

  test("try it when asked to, and say what they see; nothing comes of that", async () => {
    await stage.alarms.put(platform("busy"), spec({ ...busy, webhook }));
    await stage.windows([], [mbit(redis, 120), mbit(api, 7)]);
    const before = stage.sent.length;
    const tested = await stage.alarms.test(platform("busy"), new AbortController().signal);
    expect(tested).toMatchObject({
      unit: "bit/s",
      groups: [
        { key: { tenant: "shop", identity: "redis-0" }, value: 120e6, beyond: true },
        { key: { tenant: "shop", identity: "api-1" }, value: 7e6, beyond: false },
      ],
      webhook: { delivered: true, status: 200 },
    });
    expect(stage.sent.slice(before).map(({ body }) => (JSON.parse(body) as { type: string }).type)).toEqual([
      "flow.alarm.test",
    ]);
    expect(stage.events()).toHaveLength(1);
  });
});
