import { ManualClock } from "@holdfast/core/testing";
import {
  type NodeFeedMessage,
  nodeFeedMessageSchema,
  policyDropsMessageSchema,
  verificationMessageSchema,
  type WatchEvent,
  watchEventSchema,
} from "@holdfast/model";
import { openMemoryStore } from "@holdfast/store";
import { describe, expect, test } from "vitest";
import { type ServerHarness, startServer } from "../testing/server-harness.ts";

const NETWORKS = "/v1/tenants/default/networks";

/** Reads the lines of a stream as objects; ends with the scope. */
async function follow<T>(
  server: ServerHarness,
  path: string,
  parse: (value: unknown) => T,
  { accept = "application/x-ndjson", method = "GET" }: { readonly accept?: string; readonly method?: string } = {},
) {
  const ended = new AbortController();
  const response = await fetch(server.base + path, { method, signal: ended.signal, headers: { accept } });
  expect(response.status).toBe(200);
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  const seen: T[] = [];
  /** Everything up to the first that matches. */
  async function until(matches: (item: T) => boolean): Promise<T[]> {
    for (;;) {
      const found = seen.findIndex(matches);
      if (found >= 0) return seen.splice(0, found + 1);
      const { value, done } = await reader.read();
      if (done) throw new Error(`the stream has ended after ${JSON.stringify(seen)}`);
      const parts = (rest + value).split("\n");
      rest = parts.pop() ?? "";
      const lines = parts.map((line) => line.replace(/^data: /, "")).filter((line) => line !== "");
      seen.push(...lines.map((line) => parse(JSON.parse(line))));
    }
  }
  return {
    until,
    contentType: response.headers.get("content-type"),
    [Symbol.dispose]: () => ended.abort(),
  };
}

const watch = (server: ServerHarness, query = "", accept?: string) =>
  follow<WatchEvent>(
    server,
    `/v1/watch${query}`,
    (value) => watchEventSchema.parse(value),
    accept === undefined ? {} : { accept },
  );
const verification = (server: ServerHarness, query = "") =>
  follow(server, `/v1/ip/verify${query}`, (value) => verificationMessageSchema.parse(value), { method: "POST" });
const feed = (server: ServerHarness, node: string) =>
  follow<NodeFeedMessage>(server, `/v1/nodes/${node}/feed`, (value) => nodeFeedMessageSchema.parse(value));

/** One line for each event, as a person would note it. */
function note(event: WatchEvent): string {
  switch (event.type) {
    case "put":
      return `put ${event.kind} @${event.revision}=${event.object.revision}`;
    case "delete":
      return `delete ${event.kind} ${Object.values(event.key).join("/")} @${event.revision}`;
    case "bookmark":
      return `bookmark ${event.revision}`;
    case "error":
      return `error ${event.problem.code}`;
  }
}

describe("a watch", () => {
  test("begins with a bookmark and brings every change with its revision", async () => {
    await using server = await startServer();
    using events = await watch(server);
    expect((await events.until(({ type }) => type === "bookmark")).map(note)).toEqual(["bookmark 1"]);
    await server.call("POST", NETWORKS, { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] });
    await server.call("POST", `${NETWORKS}/web/claims`, { identity: "prod/a" });
    await server.call("DELETE", `${NETWORKS}/web/claims/prod%2Fa`);
    const seen = await events.until(({ type }) => type === "delete");
    expect(seen.map(note)).toEqual(["put network @2=2", "put claim @3=3", "delete claim default/web/prod/a @4"]);
  });

  test("goes on from a revision without a gap", async () => {
    await using server = await startServer();
    for (const name of ["a", "b", "c"]) await server.call("POST", "/v1/tenants", { name });
    using events = await watch(server, "?revision=2&kinds=tenant");
    const seen = await events.until((event) => event.type === "put" && event.revision === 4);
    expect(seen.map(note)).toEqual(["bookmark 2", "put tenant @3=3", "put tenant @4=4"]);
  });

  test("brings only the kinds and the tenant that it was asked for", async () => {
    await using server = await startServer();
    await server.call("POST", "/v1/tenants", { name: "red" });
    using events = await watch(server, "?kinds=network,claim&tenant=red");
    await events.until(({ type }) => type === "bookmark");
    await server.call("POST", NETWORKS, { name: "web", kind: "vlan" });
    await server.call("POST", "/v1/tenants/red/networks", { name: "web", kind: "vlan" });
    expect((await events.until(({ type }) => type === "put")).map(note)).toEqual(["put network @4=4"]);
  });

  test("sends bookmarks when there is no news", async () => {
    await using server = await startServer();
    using events = await watch(server, "?kinds=node");
    await events.until(({ type }) => type === "bookmark");
    await server.call("POST", "/v1/tenants", { name: "red" });
    server.clock.advance(5000);
    expect((await events.until(({ type }) => type === "bookmark")).map(note)).toEqual(["bookmark 2"]);
  });

  test("of a revision that is forgotten ends with revision_gone", async () => {
    const clock = new ManualClock();
    const store = openMemoryStore({ clock });
    await using server = await startServer({ store, clock });
    for (const name of ["a", "b", "c"]) await server.call("POST", "/v1/tenants", { name });
    await store.compact(3);
    using events = await watch(server, "?revision=1");
    expect((await events.until(({ type }) => type === "error")).map(note)).toEqual([
      "bookmark 1",
      "error revision_gone",
    ]);
  });

  test("comes as server-sent events when the client accepts those", async () => {
    await using server = await startServer();
    using events = await watch(server, "", "text/event-stream");
    expect(events.contentType).toBe("text/event-stream; charset=utf-8");
    expect((await events.until(({ type }) => type === "bookmark")).map(note)).toEqual(["bookmark 1"]);
  });

  test("ends when the controller stops", async () => {
    await using server = await startServer();
    using events = await watch(server);
    await events.until(({ type }) => type === "bookmark");
    await server.controller.stop();
    await expect(events.until(() => false)).rejects.toThrow();
  });
});

describe("a node feed over HTTP", () => {
  test("brings what there is, then synced, then each change, and signs of life", async () => {
    await using server = await startServer();
    await server.call("POST", NETWORKS, {
      name: "web",
      kind: "vlan",
      segment: 100,
      subnets: [{ prefix: "10.20.0.0/24" }],
    });
    await server.call("PUT", "/v1/nodes/h1", { version: "1.0" });
    using messages = await feed(server, "h1");
    const first = await messages.until(({ kind }) => kind === "synced");
    expect(first).toMatchObject([
      { kind: "network", network: { id: "n1", segment: 100 } },
      { kind: "synced", revision: 4 },
    ]);
    const body = { endpoint: "e1", tenant: "default", network: "web", workload: { runtime: "docker" } };
    await server.call("POST", "/v1/nodes/h1/reservations", body);
    expect(await messages.until(({ kind }) => kind === "endpoint")).toMatchObject([
      { endpoint: { id: "e1", addresses: ["10.20.0.2"], epoch: 1 } },
    ]);
    server.clock.advance(5000);
    await messages.until(({ kind }) => kind === "beat");
  });

  test("of a node that has not registered is not found", async () => {
    await using server = await startServer();
    expect((await server.call("GET", "/v1/nodes/h1/feed")).json.code).toBe("not_found");
  });
});

describe("a verification", () => {
  test("tells how far it is, names differences, and ends", async () => {
    await using server = await startServer();
    await server.call("POST", NETWORKS, { name: "web", kind: "vlan", subnets: [{ prefix: "10.20.0.0/24" }] });
    await server.call("POST", `${NETWORKS}/web/claims`, { identity: "a" });
    await server.store.commit({
      conditions: [],
      operations: [{ kind: "delete", key: "addresses/default/web/10.20.0.2" }],
    });
    using stream = await verification(server, "?tenant=default&network=web&fix=true");
    const messages = await stream.until(({ kind }) => kind === "end");
    expect(messages.map((message) => (message.kind === "progress" ? message.stage : message.kind))).toEqual([
      ...["waiting", "nodes", "endpoints", "claims", "difference", "addresses", "pools", "pools", "history", "end"],
    ]);
    expect(messages.at(-1)).toMatchObject({ differences: 1, repaired: 0, again: 60, checked: { claims: 1 } });
  });

  test("of what is not there, or with a field that is wrong, is refused like any request", async () => {
    await using server = await startServer();
    const unknown = await server.call("POST", "/v1/ip/verify?tenant=default&network=db");
    expect(unknown).toMatchObject({ status: 404, json: { code: "not_found" } });
    const wrong = await server.call("POST", "/v1/ip/verify?fix=yes");
    expect(wrong).toMatchObject({ status: 400, json: { code: "invalid_argument", field: "fix" } });
  });

  test("goes on with the next when somebody leaves", async () => {
    await using server = await startServer();
    for (let count = 0; count < 3; count++) {
      using stream = await verification(server);
      await stream.until(({ kind }) => kind === "progress");
    }
    using stream = await verification(server);
    expect((await stream.until(({ kind }) => kind === "end")).at(-1)).toMatchObject({ differences: 0 });
  });
});

describe("what drops", () => {
  test("is told in all, then as it changes, with signs of life", async () => {
    await using server = await startServer();
    await server.call("PUT", "/v1/nodes/h1", { version: "1", tunnelAddress: "172.16.0.1" });
    const tell = (sequence: number, packets: number) =>
      server.call("POST", "/v1/nodes/h1/counts", {
        ...{ run: "a", sequence, since: "2026-01-01T00:00:00.000Z" },
        rules: [],
        guards: [{ guard: "mac", packets, bytes: 0 }],
      });
    await tell(1, 3);
    using drops = await follow(server, "/v1/policy/drops", (value) => policyDropsMessageSchema.parse(value));
    expect(await drops.until(({ type }) => type === "totals")).toMatchObject([{ drops: [{ node: "h1", packets: 3 }] }]);
    await drops.until(({ type }) => type === "bookmark");
    await tell(2, 4);
    expect(await drops.until(({ type }) => type === "more")).toMatchObject([{ drops: [{ guard: "mac", packets: 7 }] }]);
    server.clock.advance(5000);
    await drops.until(({ type }) => type === "bookmark");
  });
});
