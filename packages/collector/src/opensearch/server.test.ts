import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { systemClock } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type PeerAnswer, startSearchPeer } from "../testing/search-peer.ts";
import { createSearchServer } from "./server.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-search-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const OK: PeerAnswer = { status: 200, body: { fine: true } };
const get = { method: "GET", path: "/" } as const;

describe("a cluster's HTTP", () => {
  test("is asked with the password of a file, and with the new one when it does not let the old one in", async () => {
    await using peer = await startSearchPeer(({ authorization }) =>
      authorization === `Basic ${Buffer.from("flows:new").toString("base64")}` ? OK : { status: 401, body: {} },
    );
    const passwordFile = file("password", "old\n");
    const server = createSearchServer(systemClock, { addresses: [peer.address], user: "flows", passwordFile });
    await expect(server.ask(get)).rejects.toMatchObject({
      code: "unauthenticated",
      message: expect.stringContaining("--opensearch-password-file") as string,
    });
    expect(peer.asked[0]?.authorization).toBe(`Basic ${Buffer.from("flows:old").toString("base64")}`);
    file("password", "new\n");
    await expect(server.ask(get)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(await server.ask(get)).toEqual({ fine: true });
  });

  test("is asked with an API key", async () => {
    await using peer = await startSearchPeer(() => OK);
    const keyFile = file("key", "bm9ib2R5OnNlY3JldA==\n");
    await createSearchServer(systemClock, { addresses: [peer.address], keyFile }).ask(get);
    expect(peer.asked[0]?.authorization).toBe("ApiKey bm9ib2R5OnNlY3JldA==");
  });

  test.each([
    [{ user: "flows" }, "--opensearch-user: say the password by --opensearch-password-file"],
    [{ passwordFile: "x" }, "--opensearch-password-file: say whose password it is by --opensearch-user"],
    [{ user: "flows", keyFile: "x" }, "--opensearch-user: there is an --opensearch-key-file already; say one of them"],
    [{ keyFile: "/nowhere" }, "--opensearch-key-file: cannot read /nowhere: ENOENT"],
    [{ caFile: "/nowhere" }, "--opensearch-ca: cannot read /nowhere: ENOENT"],
  ])("with %j is refused", (access, message) => {
    expect(() => createSearchServer(systemClock, { addresses: [new URL("http://127.0.0.1:1")], ...access })).toThrow(
      message,
    );
  });

  test("an empty secret is refused", () => {
    const keyFile = file("key", "\n");
    const make = () => createSearchServer(systemClock, { addresses: [new URL("http://127.0.0.1:1")], keyFile });
    expect(make).toThrow(`--opensearch-key-file: the first line of ${keyFile} is empty`);
  });

  test("goes to the next address when one does not answer, and stays there", async () => {
    await using peer = await startSearchPeer(() => OK);
    await using dead = await startSearchPeer(() => undefined);
    const server = createSearchServer(systemClock, { addresses: [dead.address, peer.address] });
    await server.ask(get);
    await server.ask(get);
    expect([dead.asked.length, peer.asked.length]).toEqual([1, 2]);
  });

  test("says where nobody answers, and what to do", async () => {
    await using dead = await startSearchPeer(() => undefined);
    const server = createSearchServer(systemClock, { addresses: [dead.address] });
    await expect(server.ask(get)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/^cannot reach OpenSearch at http:\/\/127\.0\.0\.1:\d+: .*; --opensearch names/),
    });
  });

  test.each([
    [429, "too_many_requests", true],
    [503, "unavailable", true],
    [404, "not_found", false],
    [400, "precondition_failed", false],
  ])("an answer of %i is %s, with the cluster's reason", async (status, code, retryable) => {
    const error = { type: "search_phase_execution_exception", root_cause: [{ reason: "no such field" }] };
    await using peer = await startSearchPeer(() => ({ status, body: { error, status } }));
    const server = createSearchServer(systemClock, { addresses: [peer.address] });
    await expect(server.ask({ method: "POST", path: "/x/_search?y", body: {} })).rejects.toMatchObject({
      code,
      retryable,
      message: `${server.name} answers POST /x/_search with ${status}: no such field`,
    });
  });

  test("a disk that is full is nothing that a password helps against", async () => {
    const error = { type: "cluster_block_exception", reason: "index [x] blocked by: [FORBIDDEN/12/read-only]" };
    await using peer = await startSearchPeer(() => ({ status: 403, body: { error, status: 403 } }));
    const server = createSearchServer(systemClock, { addresses: [peer.address] });
    await expect(server.ask(get)).rejects.toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("blocked by: [FORBIDDEN/12/read-only]") as string,
    });
  });

  test("that is silent is waited for no longer than it was asked to", async () => {
    await using peer = await startSearchPeer(() => "silent");
    const server = createSearchServer(systemClock, { addresses: [peer.address] });
    await expect(server.ask({ ...get, patience: 50 })).rejects.toMatchObject({ code: "timeout", retryable: true });
  });
});
