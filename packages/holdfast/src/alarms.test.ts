import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openDuckStore, startCollector } from "@holdfast/collector";
import { silentLogger, systemClock } from "@holdfast/core";
import { openMemoryStore } from "@holdfast/store";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Stage, startStage } from "./testing/stage.ts";

const HOUR = 3_600_000;
const FILES = {
  "alarms.yaml": `
apiVersion: holdfast/v1
kind: FlowAlarm
metadata: { name: deaf }
spec: { on: { kind: silent }, raise: { at: 2m } }
`,
};
const LOOPBACK = { host: "127.0.0.1", port: 0 };

describe("alarms, from the command line through a controller to the collector, and to a webhook", () => {
  let stack: AsyncDisposableStack;
  let stage: Stage;
  let hook: Server;
  let base: string;
  let got: { path: string | undefined; headers: IncomingMessage["headers"]; body: string }[];
  let answer: (response: ServerResponse) => void;

  beforeAll(async () => {
    stack = new AsyncDisposableStack();
    hook = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        got.push({ path: request.url, headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
        answer(response);
      });
    });
    hook.listen(0, LOOPBACK.host);
    await once(hook, "listening");
    base = `http://${LOOPBACK.host}:${(hook.address() as AddressInfo).port}`;
    stack.defer(() => {
      hook.closeAllConnections();
      hook.close();
    });
    const tiers = {
      fine: { seconds: 2, retention: HOUR },
      minute: { seconds: 60, retention: HOUR },
      hour: { seconds: 3600, retention: HOUR },
      samples: HOUR,
    };
    const store = { path: ":memory:", memoryMib: 128, tiers };
    const flows = stack.use(await openDuckStore({ clock: systemClock, logger: silentLogger }, store));
    const alarms = openMemoryStore({ clock: systemClock });
    const collector = await startCollector(
      { clock: systemClock, logger: silentLogger, store: flows, flows, alarms },
      {
        listen: LOOPBACK,
        status: LOOPBACK,
        receiveBuffer: 65_536,
        settle: 100,
        holdMemory: 65_536,
        prefixes: [],
        tiers,
        windowSeconds: 2,
      },
    );
    stack.defer(() => collector.stop());
    const { host, port } = collector.statusAddress;
    stage = stack.use(await startStage(FILES, { collector: `http://${host}:${port}` }));
  });
  afterAll(() => stack.disposeAsync());
  beforeEach(() => {
    got = [];
    answer = (response) => response.writeHead(204).end();
  });

  const create = (name: string, more = "") =>
    stage.run(`flows alarms create ${name} --by identity --above 100Mbit --for 1m ${more}`.trim());

  test("a tenant has his own, and nobody sees another's", async () => {
    expect((await create("busy", "-t shop")).screen).toContain("alarm busy is set");
    expect((await create("busy", "-t bank --clear-at 90Mbit")).code).toBe(0);
    const shop = await stage.run("flows alarms list -t shop -o json");
    expect(JSON.parse(shop.screen)).toMatchObject({ items: [{ name: "busy", tenant: "shop", clear: { at: 1e8 } }] });
    const bank = await stage.run("flows alarms show busy -t bank -o json");
    expect(JSON.parse(bank.screen)).toMatchObject({ tenant: "bank", clear: { at: 9e7 } });
    const other = await stage.run("flows alarms show busy");
    expect([other.code, other.screen]).toEqual([1, expect.stringContaining("there is no alarm busy")]);
    expect((await stage.run("flows alarms delete busy -t shop")).code).toBe(0);
    expect((await stage.run("flows alarms list")).screen).toMatch(/^TENANT.*\nbank +busy +unknown .*\n$/);
  });

  test("what is wrong is refused by the controller, with the field", async () => {
    const wrong = await create("wrong", "--clear-at 200Mbit");
    expect([wrong.code, wrong.screen]).toEqual([1, expect.stringContaining("clear.at: it must not be more than")]);
    const unit = await stage.run("flows alarms create wrong --on unattributed --above 5Mbit");
    expect(unit.screen).toContain('raise.at: "5Mbit" is no value in %; write e.g. 5%');
    const silent = await stage.run("flows alarms create wrong --on silent --above 1m -t shop");
    expect(silent.screen).toContain("on.kind: exporters are the platform's, not a tenant's");
    const denied = await stage.run("flows alarms create wrong --on denied --above 5");
    expect(denied.screen).toContain("on.kind: this collector follows no controller, which tells what policies drop");
  });

  test("a webhook gets a test message; one that redirects is not followed", async () => {
    await create("told", `--webhook ${base}/secret-path`);
    const taken = await stage.run("flows alarms test told");
    expect([taken.code, taken.screen]).toEqual([0, expect.stringContaining("the webhook took a test message in ")]);
    expect(got).toMatchObject([{ path: "/secret-path", headers: { "content-type": "application/json" } }]);
    expect(JSON.parse(got[0]?.body ?? "")).toMatchObject({
      type: "flow.alarm.test",
      data: { alarm: "told", level: 1e8 },
    });
    answer = (response) => response.writeHead(302, { location: `${base}/elsewhere` }).end();
    const redirected = await stage.run("flows alarms test told");
    expect(redirected.screen).toContain(`${base} was not reached: it redirects, which is not followed`);
    expect(got.map(({ path }) => path)).toEqual(["/secret-path", "/secret-path"]);
    const shown = await stage.run("flows alarms show told -o yaml");
    expect(shown.screen).not.toContain("secret-path");
  });

  test("a file makes them", async () => {
    const applied = await stage.run("apply -f alarms.yaml");
    expect(applied.screen).toContain("alarm deaf  created");
    expect((await stage.run("apply -f alarms.yaml")).screen).toContain("alarm deaf  unchanged");
  });
});
