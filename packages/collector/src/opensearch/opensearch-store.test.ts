import { systemClock } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import { describe, expect, test } from "vitest";
import { ALWAYS } from "../query/plan.ts";
import { DEFAULT_TIERS } from "../store/store.ts";
import { TEN_O_CLOCK } from "../testing/made-traffic.ts";
import { type AskedOfPeer, type PeerAnswer, startSearchPeer } from "../testing/search-peer.ts";
import { createSearchStore } from "./opensearch-store.ts";

const OPENSEARCH = { number: "2.19.1", distribution: "opensearch" };

/** An empty cluster of a version, with one stream. */
function cluster(version: object | undefined, streams: readonly string[] = []) {
  return ({ path }: AskedOfPeer): PeerAnswer => {
    if (path === "/") return { status: 200, body: version === undefined ? { hello: true } : { version } };
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

async function askOf(answer: (asked: AskedOfPeer) => PeerAnswer) {
  await using peer = await startSearchPeer(answer);
  const dependencies = { clock: systemClock, logger: new RecordingLogger(), nonce: () => "run" };
  const options = { addresses: [peer.address], prefix: "flows", tiers: DEFAULT_TIERS };
  await using store = createSearchStore(dependencies, options);
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
    const made = asked.filter(({ method }) => method === "PUT");
    expect(made.map(({ path }) => path)).toEqual(
      ["fine", "minute", "tens", "hour", "samples"].map((kind) => `/_index_template/flows-${kind}`),
    );
    expect(JSON.parse(made[0]?.body ?? "")).toMatchObject({ index_patterns: ["flows-fine-*"], data_stream: {} });
  });

  test("asks for whole answers only, of the streams that there are", async () => {
    const streams = ["flows-fine-2026.11.20-1000", "flows-fine-2026.11.20-0900", "flows-2-fine-2026.11.20-1000"];
    const { asked } = await askOf(cluster(OPENSEARCH, streams));
    expect(asked.at(-1)).toMatchObject({
      path: "/flows-fine-2026.11.20-1000/_search",
      query: "ignore_unavailable=true&allow_partial_search_results=false",
    });
  });

  test("that lets nobody in answers questions with what to do", async () => {
    const { outcome } = await askOf(() => ({ status: 401, body: { error: "who are you" } }));
    // Who asks Holdfast is known; it is the store that is not let in.
    expect(outcome).toMatchObject({
      code: "unavailable",
      message: expect.stringMatching(/refuses GET \/ \(401\): who are you; .*--opensearch-password-file/) as string,
    });
  });
});
