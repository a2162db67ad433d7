import { systemClock } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { type AskedOfPeer, type PeerAnswer, startSearchPeer } from "../testing/search-peer.ts";
import { writeDocuments } from "./bulk.ts";
import { createSearchServer } from "./server.ts";

const { signal } = new AbortController();
const documents = (count: number, json = '{"bytes":1}') =>
  Array.from({ length: count }, (_, index) => ({ id: `run-1-${index}`, json }));

/** Ids that a request has. */
function idsIn({ body }: AskedOfPeer): readonly string[] {
  return body.split("\n").flatMap((line) => /^\{"create":\{"_id":"(.*)"\}\}$/.exec(line)?.[1] ?? []);
}

const items = (...of: readonly { status: number; error?: object }[]): PeerAnswer => ({
  status: 200,
  body: { items: of.map((create) => ({ create })) },
});
const all = (asked: AskedOfPeer, status = 201): PeerAnswer => items(...idsIn(asked).map(() => ({ status })));

async function write(answer: (asked: AskedOfPeer) => PeerAnswer, given = documents(3), patience = 60_000) {
  await using peer = await startSearchPeer(answer);
  const server = createSearchServer(systemClock, { addresses: [peer.address] });
  const heard: string[] = [];
  const options = { patience, signal, onTrouble: (why: string) => heard.push(why) };
  const written = writeDocuments({ clock: systemClock, server }, "flows-fine", given, options);
  const outcome = await written.catch((error: unknown) => error);
  return { outcome, heard, asked: peer.asked };
}

describe("documents of a data stream", () => {
  test("are lines of JSON, each under its id", async () => {
    const { outcome, asked } = await write(all, documents(2));
    expect(outcome).toEqual({ kept: 2, refused: 0, reason: undefined });
    expect(asked).toMatchObject([
      {
        method: "POST",
        path: "/flows-fine/_bulk",
        body: '{"create":{"_id":"run-1-0"}}\n{"bytes":1}\n{"create":{"_id":"run-1-1"}}\n{"bytes":1}\n',
      },
    ]);
  });

  test("go in requests of bounded size", async () => {
    const { outcome, asked } = await write(all, documents(2001));
    expect(outcome).toMatchObject({ kept: 2001 });
    expect(asked.map((one) => idsIn(one).length)).toEqual([2000, 1]);
    const large = await write(all, documents(5, `"${"x".repeat(2 * 1024 * 1024)}"`));
    expect(large.asked.map((one) => idsIn(one).length)).toEqual([2, 2, 1]);
  });

  test("are sent again alone when there is too much to do, and those that are there are kept", async () => {
    const busy = { status: 429, error: { type: "rejected_execution_exception", reason: "queue is full" } };
    let turn = 0;
    const { outcome, asked, heard } = await write((one) =>
      turn++ === 0 ? items({ status: 201 }, busy, busy) : all(one),
    );
    expect(outcome).toEqual({ kept: 3, refused: 0, reason: undefined });
    expect(asked.map(idsIn)).toEqual([
      ["run-1-0", "run-1-1", "run-1-2"],
      ["run-1-1", "run-1-2"],
    ]);
    expect(heard).toEqual([expect.stringContaining("rejected_execution_exception: queue is full")]);
  });

  test("whose answer did not arrive are sent again under the same ids, and count as kept", async () => {
    let turn = 0;
    const { outcome, asked } = await write((one) => (turn++ === 0 ? undefined : all(one, 409)));
    expect(outcome).toEqual({ kept: 3, refused: 0, reason: undefined });
    expect(idsIn(asked[1] as AskedOfPeer)).toEqual(idsIn(asked[0] as AskedOfPeer));
  });

  test.each([429, 503, 401])("wait for a cluster that answers %i", async (status) => {
    let turn = 0;
    const { outcome, asked } = await write((one) => (turn++ < 2 ? { status, body: {} } : all(one)));
    expect(outcome).toMatchObject({ kept: 3 });
    expect(asked).toHaveLength(3);
  });

  test("that the cluster never takes are counted, with its reason, and the others are kept", async () => {
    const wrong = { status: 400, error: { type: "illegal_argument_exception", reason: "immense term" } };
    const { outcome, asked } = await write(() => items({ status: 201 }, wrong, wrong));
    expect(outcome).toEqual({
      kept: 1,
      refused: 2,
      reason: expect.stringContaining(
        "refuses a document of flows-fine: illegal_argument_exception: immense term",
      ) as string,
    });
    expect(asked).toHaveLength(1);
  });

  test("wait while a full disk closes the stream for writing", async () => {
    const full = { status: 403, error: { type: "cluster_block_exception", reason: "disk usage exceeded flood-stage" } };
    let turn = 0;
    const { outcome } = await write((one) => (turn++ === 0 ? items(full, full, full) : all(one)));
    expect(outcome).toMatchObject({ kept: 3, refused: 0 });
  });

  test("are given up when the patience is over, with the last reason", async () => {
    const { outcome, asked } = await write(
      () => ({ status: 503, body: { error: "no cluster manager" } }),
      undefined,
      0,
    );
    expect(outcome).toMatchObject({
      code: "unavailable",
      message: expect.stringContaining("no cluster manager") as string,
    });
    expect(asked).toHaveLength(1);
  });

  test("a request that is refused as a whole for good is not repeated", async () => {
    const { outcome, asked } = await write(() => ({ status: 400, body: { error: "no such parameter" } }));
    expect(outcome).toMatchObject({ code: "precondition_failed" });
    expect(asked).toHaveLength(1);
  });

  test("wait longer from try to try", async () => {
    const waits: number[] = [];
    const wait = (milliseconds: number): Promise<void> => {
      waits.push(milliseconds);
      return Promise.resolve();
    };
    let turn = 0;
    await using peer = await startSearchPeer((one) => (turn++ < 4 ? { status: 503, body: {} } : all(one)));
    const server = createSearchServer(systemClock, { addresses: [peer.address] });
    const clock = { ...systemClock, wait };
    await writeDocuments({ clock, server }, "flows-fine", documents(1), { patience: 60_000, signal });
    for (const [index, longest] of [100, 200, 400, 800].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(longest / 2);
      expect(waits[index]).toBeLessThanOrEqual(longest);
    }
  });
});
