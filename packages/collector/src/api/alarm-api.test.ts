import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { RecordingLogger } from "@holdfast/core/testing";
import { flowAlarmDetailSchema, flowAlarmEventSchema, flowAlarmSchema, flowAlarmTestSchema } from "@holdfast/model";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type AlarmStage, busy, mbit, redis, startAlarmStage } from "../testing/alarm-stage.ts";
import { createAlarmApi } from "./alarm-api.ts";
import { createAskerCheck } from "./asker.ts";

describe("alarms over HTTP", () => {
  let stack: AsyncDisposableStack;
  let stage: AlarmStage;
  let base: string;

  async function serve(token?: string, alarms: AlarmStage["alarms"] | undefined = stage.alarms): Promise<string> {
    const checkAsker = createAskerCheck(token);
    const answers = createAlarmApi({ alarms, checkAsker, logger: new RecordingLogger() });
    const server = createServer((request, response) => {
      if (!answers(request, response)) response.writeHead(418).end();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack.defer(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/flows`;
  }

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    stage = stack.use(await startAlarmStage());
    base = await serve();
  });
  afterEach(() => stack.disposeAsync());

  async function call(method: string, path: string, body?: unknown) {
    const response = await fetch(base + path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    // biome-ignore lint/suspicious/noExplicitAny: tests look into whatever came.
    return { status: response.status, json: (text === "" ? undefined : JSON.parse(text)) as any };
  }

  test("are made, read, listed, tested and deleted, as the API says it", async () => {
    const made = await call("PUT", "/alarms/busy?tenant=shop", { ...busy, webhook: { url: "http://hooks/x" } });
    expect(made.status).toBe(200);
    expect(flowAlarmSchema.parse(made.json)).toMatchObject({ name: "busy", tenant: "shop", unit: "bit/s" });
    await stage.windows([], [mbit(redis, 120)]);
    const read = await call("GET", "/alarms/busy?tenant=shop");
    expect(flowAlarmDetailSchema.parse(read.json).groups).toMatchObject([{ state: "firing", value: 120e6 }]);
    expect((await call("GET", "/alarms?state=ok")).json.items).toEqual([]);
    const changed = await call("PATCH", "/alarms/busy?tenant=shop", { description: "too much" });
    expect(flowAlarmSchema.parse(changed.json)).toMatchObject({ description: "too much", state: "firing" });
    const listed = await call("GET", "/alarms?tenant=shop");
    expect(listed.json.items.map((one: unknown) => flowAlarmSchema.parse(one).state)).toEqual(["firing"]);
    const tested = await call("POST", "/alarms/busy/test?tenant=shop");
    expect(flowAlarmTestSchema.parse(tested.json).webhook).toMatchObject({ delivered: true });
    expect(await call("DELETE", "/alarms/busy?tenant=shop")).toEqual({ status: 204, json: undefined });
    const { json } = await call("GET", "/alarm-history?limit=1");
    expect(json.items.map((one: unknown) => flowAlarmEventSchema.parse(one).event)).toEqual(["cleared"]);
    const next = await call("GET", `/alarm-history?limit=1&continue=${json.continue}`);
    expect(next.json.items).toMatchObject([{ event: "raised" }]);
    expect(next.json.continue).toBeUndefined();
  });

  test("come page after page", async () => {
    for (const name of ["c", "a", "b"]) await call("PUT", `/alarms/${name}`, busy);
    const first = await call("GET", "/alarms?limit=2");
    const second = await call("GET", `/alarms?limit=2&continue=${encodeURIComponent(first.json.continue)}`);
    const names = [...first.json.items, ...second.json.items].map(({ name }: { name: string }) => name);
    expect([names, second.json.continue]).toEqual([["a", "b", "c"], undefined]);
  });

  test.each([
    ["PUT", "/alarms/Not_One", busy, 400, "alarm: "],
    ["PUT", "/alarms/x", { on: { kind: "rate" } }, 400, "raise: "],
    [
      "PUT",
      "/alarms/x",
      { on: { kind: "rate" }, raise: { at: "5%" } },
      400,
      'raise.at: "5%" is no value in bit/s; write e.g. 100Mbit',
    ],
    ["PUT", "/alarms/x", { ...busy, clear: { at: "200Mbit" } }, 400, "clear.at: it must not be more than raise.at"],
    ["PUT", "/alarms/x", { ...busy, over: "5s" }, 400, "over: a duration from 10s to 1h"],
    ["PUT", "/alarms/x", { ...busy, over: "15s" }, 400, "over: a multiple of 10s"],
    [
      "PUT",
      "/alarms/x",
      { ...busy, webhook: { url: "http://me:pw@hooks/" } },
      400,
      "webhook.url: an address with user and password",
    ],
    [
      "PUT",
      "/alarms/x",
      { ...busy, webhook: { url: "ftp://hooks/" } },
      400,
      "webhook.url: not an http or https address",
    ],
    ["PUT", "/alarms/x", { ...busy, on: { kind: "rate", filter: "a b" } }, 400, "on.filter, character"],
    ["GET", "/alarms/x", undefined, 404, "there is no alarm x"],
    ["DELETE", "/alarms/x?tenant=shop", undefined, 404, "there is no alarm x (tenant shop)"],
    ["PATCH", "/alarms/x", {}, 404, "there is no alarm x"],
    ["PATCH", "/alarms/x", { threshold: 5 }, 400, "threshold: there is no such field"],
    ["PUT", "/alarms/x", { ...busy, description: "x".repeat(65_536) }, 413, "an alarm has at most 65536 bytes"],
    ["POST", "/alarms/x", {}, 400, "POST is not possible on /v1/flows/alarms/x; use PUT, GET, PATCH, DELETE"],
    ["GET", "/alarm-history?continue=x", undefined, 400, "continue: not that of a page before"],
  ])("%s %s %j is refused", async (...[method, path, body, status, detail]) => {
    const refused = await call(method, path, body);
    expect([refused.status, refused.json.detail]).toEqual([status, expect.stringContaining(detail)]);
    expect(stage.alarms.list({ limit: 1 }).items).toEqual([]);
  });

  test("ask for the token when there is one, and say so when none are kept", async () => {
    const guarded = await serve("a-secret-token");
    expect((await fetch(`${guarded}/alarms`)).status).toBe(401);
    expect((await fetch(`${guarded}/alarms/x`, { method: "PUT", body: "{}" })).status).toBe(401);
    const checkAsker = createAskerCheck(undefined);
    const none = createAlarmApi({ alarms: undefined, checkAsker, logger: new RecordingLogger() });
    const server = createServer((request, response) => void none(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    stack.defer(() => void server.close());
    const answer = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/flows/alarms`);
    expect(await answer.json()).toMatchObject({
      code: "precondition_failed",
      detail: "this collector keeps no alarms; start it with --alarms FILE",
    });
  });
});
