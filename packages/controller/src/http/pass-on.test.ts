import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

describe("questions about flows", () => {
  let stack: AsyncDisposableStack;
  let seen: IncomingMessage[];
  let answer: (response: ServerResponse) => void;
  let url: string;

  beforeEach(async () => {
    stack = new AsyncDisposableStack();
    seen = [];
    answer = (response) => response.writeHead(200, { "content-type": "text/csv; charset=utf-8" }).end("row,bytes\n");
    const collector = createServer((request, response) => {
      seen.push(request);
      answer(response);
    });
    await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
    stack.defer(async () => {
      collector.closeAllConnections();
      await new Promise((resolve) => collector.close(resolve));
    });
    url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`;
  });
  afterEach(() => stack.disposeAsync());

  async function controller(flags: Record<string, string>): Promise<ServerHarness> {
    return stack.use(await startServer({ flags }));
  }

  test("are passed on as they are, with the collector's own token, and so is what comes back", async () => {
    const { call } = await controller({
      collector: url,
      collectorToken: "for-the-collector",
      token: "for-the-controller",
    });
    const path = "/v1/flows/top?by=identity&tenant=shop&filter=service%3D80&format=csv";
    const reply = await call("GET", path, undefined, { authorization: "Bearer for-the-controller" });
    expect([reply.status, reply.text, reply.headers.get("content-type")]).toEqual([
      200,
      "row,bytes\n",
      "text/csv; charset=utf-8",
    ]);
    expect([seen[0]?.url, seen[0]?.headers.authorization]).toEqual([path, "Bearer for-the-collector"]);
    expect(seen[0]?.headers["x-request-id"]).toBe(reply.headers.get("x-request-id"));
  });

  test("are asked of nobody when the caller may not, or a parameter is wrong", async () => {
    const { call } = await controller({ collector: url, token: "for-the-controller" });
    expect((await call("GET", "/v1/flows/top")).status).toBe(401);
    const wrong = await call("GET", "/v1/flows/top?tenant=Not_One", undefined, {
      authorization: "Bearer for-the-controller",
    });
    expect([wrong.status, wrong.json.field]).toEqual([400, "tenant"]);
    expect(seen).toEqual([]);
  });

  test("so is what is to be changed, and what may not is refused first", async () => {
    const bodies: string[] = [];
    answer = (response) => {
      const request = seen.at(-1) as IncomingMessage;
      request.on("data", (chunk: Buffer) => bodies.push(String(chunk)));
      request.on("end", () => response.writeHead(request.method === "DELETE" ? 204 : 200).end());
    };
    const { call } = await controller({ collector: url });
    const alarm = { on: { kind: "rate" }, raise: { at: "100Mbit" } };
    expect((await call("PUT", "/v1/flows/alarms/busy?tenant=shop", alarm)).status).toBe(200);
    expect((await call("POST", "/v1/flows/alarms/busy/test")).status).toBe(200);
    expect((await call("DELETE", "/v1/flows/alarms/busy")).status).toBe(204);
    const wrong = await call("PUT", "/v1/flows/alarms/busy", { ...alarm, raise: { at: "5%" } });
    expect([wrong.status, wrong.json.field]).toEqual([400, "raise.at"]);
    expect(seen.map((one) => `${one.method} ${one.url}`)).toEqual([
      "PUT /v1/flows/alarms/busy?tenant=shop",
      "POST /v1/flows/alarms/busy/test",
      "DELETE /v1/flows/alarms/busy",
    ]);
    expect(bodies.map((body) => JSON.parse(body) as unknown)).toEqual([alarm]);
  });

  test("a refusal of the collector is the answer", async () => {
    const problem = { type: "", title: "", status: 400, detail: "by: no", code: "invalid_argument", retryable: false };
    answer = (response) =>
      response.writeHead(400, { "content-type": "application/problem+json" }).end(JSON.stringify(problem));
    const { call } = await controller({ collector: url });
    const reply = await call("GET", "/v1/flows/top?by=nothing");
    expect([reply.status, reply.json]).toEqual([400, problem]);
  });

  test("a stream is passed on while it is being said, and ends at the collector when the reader goes", async () => {
    const closed = new Promise<void>((resolve) => {
      answer = (response) => {
        response.writeHead(200, { "content-type": "application/x-ndjson" });
        response.write('{"at":1}\n');
        response.once("close", resolve);
      };
    });
    const { base } = await controller({ collector: url });
    const gone = new AbortController();
    const response = await fetch(`${base}/v1/flows/tail`, { signal: gone.signal });
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe('{"at":1}\n');
    gone.abort();
    await closed;
  });

  test("say so when no collector answers", async () => {
    const { call } = await controller({ collector: "http://127.0.0.1:1" });
    const silent = await call("GET", "/v1/flows/top");
    expect([silent.status, silent.json.code]).toEqual([503, "unavailable"]);
    expect(silent.json.detail).toContain("the collector does not answer at http://127.0.0.1:1: ");
  });
});
