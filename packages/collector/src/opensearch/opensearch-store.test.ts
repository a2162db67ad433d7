import { type Clock, systemClock } from "@holdfast/core";
import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { ALWAYS } from "../query/plan.ts";
import { DEFAULT_TIERS, type FlowStore } from "../store/store.ts";
import { outside, TEN_O_CLOCK, traffic, windowOf } from "../testing/made-traffic.ts";
import { type AskedOfPeer, type PeerAnswer, startSearchPeer } from "../testing/search-peer.ts";
import { createSearchStore } from "./opensearch-store.ts";
import { streamName } from "./streams.ts";

const OPENSEARCH = { number: "2.19.1", distribution: "opensearch" };

/** An empty cluster of a version, with one stream. */
function cluster(version: object | undefined, streams: readonly string[] = []) {
  return ({ path, method }: AskedOfPeer): PeerAnswer => {
    if (path === "/") return { status: 200, body: version === undefined ? { hello: true } : { version } };
    if (path === "/flows-holder/_doc/holder") {
      return method === "GET" ? { status: 404, body: {} } : { status: 201, body: { _seq_no: 0, _primary_term: 1 } };
    }
    if (path.startsWith("/_data_stream/"))
      return { status: 200, body: { data_streams: streams.map((name) => ({ name })) } };
    if (path.endsWith("/_search")) return { status: 200, body: { hits: { hits: [] }, aggregations: {} } };
    return { status: 200, body: {} };
  };
}

const plan = {
  slots: { start: TEN_O_CLOCK, milliseconds: 60_000, count: 1 },
  parts: [],
  totals: [ALWAYS],
  measure: "bytes",
  limit: 1,
  ranked: "all",
} as const;

function openStore(address: URL, clock: Clock): FlowStore {
  const dependencies = { clock, logger: new RecordingLogger(), nonce: () => "run" };
  return createSearchStore(dependencies, { addresses: [address], host: "here", prefix: "flows", tiers: DEFAULT_TIERS });
}

async function askOf(answer: (asked: AskedOfPeer) => PeerAnswer) {
  await using peer = await startSearchPeer(answer);
  await using store = openStore(peer.address, systemClock);
  const outcome = await store.sums(plan).catch((error: unknown) => error);
  return { outcome, asked: peer.asked };
}

describe("a store in a cluster", () => {
  test.each([
    [{ number: "7.8.1" }, "is Elasticsearch 7.8.1, which has no data streams; it has to be 7.9 or newer"],
    [undefined, "is neither OpenSearch nor Elasticsearch; --opensearch names where one of them is"],
  ])("of version %j is refused", async (version, message) => {
    const { outcome } = await askOf(cluster(version));
    expect(outcome).toMatchObject({ code: "precondition_failed", message: expect.stringContaining(message) as string });
  });

  test.each([[{ number: "7.9.0" }], [{ number: "8.15.0" }], [OPENSEARCH]])(
    "of version %j is taken",
    async (version) => {
      const { outcome } = await askOf(cluster(version));
      expect(outcome).toMatchObject({ groups: [], totals: [[{ bytes: 0 }]] });
    },
  );

  test("makes its templates once, for its own prefix alone", async () => {
    const { asked } = await askOf(cluster(OPENSEARCH));
    const made = asked.filter(({ path }) => path.startsWith("/_index_template/"));
    expect(made.map(({ path }) => path)).toEqual(
      ["fine", "minute", "tens", "hour", "samples", "counts", "drops"].map((kind) => `/_index_template/flows-${kind}`),
    );
    expect(JSON.parse(made[0]?.body ?? "")).toMatchObject({ index_patterns: ["flows-fine-*"], data_stream: {} });
  });

  test("asks for whole answers only, of the streams that there are", async () => {
    const streams = ["flows-fine-2026.11.20-1000", "flows-fine-2026.11.20-0900", "flows-2-fine-2026.11.20-1000"];
    const { asked } = await askOf(cluster(OPENSEARCH, streams));
    expect(asked.findLast(({ path }) => path.endsWith("/_search"))).toMatchObject({
      path: "/flows-fine-2026.11.20-1000/_search",
      query: "ignore_unavailable=true&allow_partial_search_results=false",
    });
  });

  test("begins with a request that clusters take, however many streams there are", async () => {
    const days = Array.from({ length: 365 }, (_, day) => streamName("flows", { kind: "minute", start: day * 86_400 }));
    const { asked, outcome } = await askOf(cluster(OPENSEARCH, days));
    expect(outcome).toMatchObject({ groups: [] });
    // http.max_initial_line_length is 4 KiB by itself.
    for (const { path, query } of asked) expect(path.length + query.length).toBeLessThan(4000);
    expect(asked.filter(({ path }) => path.endsWith("/_refresh"))[0]?.path).toContain("flows-minute-2*");
  });

  test("that lets nobody in answers questions with what to do", async () => {
    const { outcome } = await askOf(() => ({ status: 401, body: { error: "who are you" } }));
    // Who asks Holdfast is known; it is the store that is not let in.
    expect(outcome).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/refuses GET \/ \(401\): who are you; .*--opensearch-password-file/) as string,
    });
  });

  test("that is silent is asked for 25 s, and then for less", async () => {
    const clock = new ManualClock();
    const streams = ["flows-fine-2026.11.20-1000"];
    await using peer = await startSearchPeer((asked) =>
      asked.path.startsWith("/flows-fine") && asked.path.endsWith("_search") && asked.body.includes("t0")
        ? "silent"
        : cluster(OPENSEARCH, streams)(asked),
    );
    await using store = openStore(peer.address, clock);
    const outcome = store.sums(plan).catch((error: unknown) => error);
    await expect.poll(() => peer.asked.at(-1)?.body).toContain("t0");
    clock.advance(25_000);
    expect(await outcome).toMatchObject({
      code: "timeout",
      retryable: false,
      message: "the question took longer than 25 s; ask for a shorter time, or by fewer fields",
    });
  });

  test("throws nothing away that it could not roll up", async () => {
    const streams = ["flows-fine-2026.11.19-1000"];
    const answerWhile =
      (isRolling: boolean) =>
      (asked: AskedOfPeer): PeerAnswer => {
        if (asked.body.includes('"composite"'))
          return isRolling ? cluster(OPENSEARCH)(asked) : { status: 503, body: {} };
        const edge = { value: TEN_O_CLOCK - 24 * 3_600_000 };
        if (asked.body.includes('"first"')) return { status: 200, body: { aggregations: { first: edge } } };
        if (asked.path.endsWith("/_bulk")) return { status: 200, body: { items: [{ create: { status: 201 } }] } };
        return cluster(OPENSEARCH, streams)(asked);
      };
    const deletedWhile = async (isRolling: boolean): Promise<readonly string[]> => {
      await using peer = await startSearchPeer(answerWhile(isRolling));
      await using store = openStore(peer.address, systemClock);
      await store.take(windowOf(TEN_O_CLOCK, [traffic(outside("192.0.2.1"), outside("192.0.2.2"))]));
      expect(store.state()).toMatchObject({ failing: undefined, taken: { windows: 1 } });
      const deleted = peer.asked.filter(({ method }) => method === "DELETE").map(({ path }) => path);
      return deleted.filter((path) => path.startsWith("/_data_stream/"));
    };
    expect(await deletedWhile(false)).toEqual([]);
    expect(await deletedWhile(true)).toEqual(["/_data_stream/flows-fine-2026.11.19-1000"]);
  });

  /** A cluster that takes documents, or says why not, and by what ids it was given them: window by window. */
  function takingCluster(refusal: () => PeerAnswer) {
    const given: string[] = [];
    const answer = (asked: AskedOfPeer): PeerAnswer => {
      if (!asked.path.endsWith("/_bulk")) return cluster(OPENSEARCH)(asked);
      const ids = [...asked.body.matchAll(/"_id":"([^"]+)"/g)].map(([, id = ""]) => id);
      given.push(ids.join(" "));
      return refusal() ?? { status: 200, body: { items: ids.map(() => ({ create: { status: 201 } })) } };
    };
    return { given, answer };
  }

  const row = traffic(outside("192.0.2.1"), outside("192.0.2.2"));

  test("gives a window that a stream gives again the ids that it had, and loses nothing by it", async () => {
    let isTold = false;
    // The documents are there, and the answer is lost.
    const { given, answer } = takingCluster(() => (isTold ? undefined : { status: 503, body: {} }));
    await using peer = await startSearchPeer(answer);
    const clock = new ManualClock();
    await using store = openStore(peer.address, clock);
    const origin = { stream: "sflow", number: 1, checkpoint: "{}" };
    const window = { ...windowOf(TEN_O_CLOCK, [row]), origin };
    const refused = expect(store.take(window)).rejects.toMatchObject({ code: "unavailable" });
    await expect.poll(() => given.length).toBe(1);
    clock.advance(60_000);
    await refused;
    isTold = true;
    await store.take(window);
    await store.take({ ...windowOf(TEN_O_CLOCK + 10_000, [row]), origin: { ...origin, number: 2 } });
    expect(new Set(given)).toEqual(new Set([`sflow-${TEN_O_CLOCK}-0`, `sflow-${TEN_O_CLOCK + 10_000}-0`]));
    expect(store.state()).toMatchObject({ taken: { windows: 2 }, lost: { windows: 0 } });
  });

  test("numbers windows on when it comes back after it was displaced", async () => {
    const { given, answer } = takingCluster(() => undefined);
    let isDisplaced = false;
    await using peer = await startSearchPeer((asked) => {
      const isClaim = isDisplaced && asked.path === "/flows-holder/_doc/holder" && asked.method === "PUT";
      if (isClaim) isDisplaced = false;
      return isClaim ? { status: 409, body: {} } : answer(asked);
    });
    await using store = openStore(peer.address, systemClock);
    await store.take(windowOf(TEN_O_CLOCK, [row]));
    isDisplaced = true;
    await store.take(windowOf(TEN_O_CLOCK + 10_000, [row]));
    expect(given).toEqual(["run-1-0", "run-2-0"]);
  });
});
