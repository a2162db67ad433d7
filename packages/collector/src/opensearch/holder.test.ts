import { ManualClock } from "@holdfast/core/testing";
import { expect, test } from "vitest";
import { type PeerAnswer, startSearchPeer } from "../testing/search-peer.ts";
import { holdPrefix } from "./holder.ts";
import { createSearchServer } from "./server.ts";

test("whose renewal arrived and whose answer did not goes on from there", async () => {
  const clock = new ManualClock();
  const version = { _seq_no: 0, _primary_term: 1 };
  const source = { run: "run-1", host: "h1", at: clock.now().getTime() };
  const answers: PeerAnswer[] = [
    { status: 200, body: {} },
    { status: 404, body: {} },
    { status: 201, body: version },
    { status: 409, body: {} },
    { status: 200, body: { ...version, _seq_no: 1, _source: source } },
    { status: 200, body: { ...version, _seq_no: 2 } },
  ];
  await using peer = await startSearchPeer(() => answers.shift());
  const server = createSearchServer(clock, { addresses: [peer.address] });
  const options = { prefix: "flows", run: "run-1", host: "h1", mayFollow: true };
  const holder = await holdPrefix({ clock, server }, options);
  await holder.renew();
  await holder.renew();
  expect(peer.asked.map(({ method, query }) => `${method} ${query}`)).toEqual([
    "PUT ",
    "GET ",
    "PUT op_type=create",
    "PUT if_seq_no=0&if_primary_term=1",
    "GET ",
    "PUT if_seq_no=1&if_primary_term=1",
  ]);
});

test("whose claim the cluster has lost makes it again", async () => {
  const clock = new ManualClock();
  const version = { _seq_no: 7, _primary_term: 1 };
  const answers: PeerAnswer[] = [
    { status: 200, body: {} },
    { status: 404, body: {} },
    { status: 201, body: version },
    { status: 409, body: {} },
    { status: 404, body: {} },
    { status: 201, body: { ...version, _seq_no: 0 } },
  ];
  await using peer = await startSearchPeer(() => answers.shift());
  const server = createSearchServer(clock, { addresses: [peer.address] });
  const options = { prefix: "flows", run: "run-1", host: "h1", mayFollow: true };
  const holder = await holdPrefix({ clock, server }, options);
  await holder.renew();
  expect(peer.asked.slice(3).map(({ method, query }) => `${method} ${query}`)).toEqual([
    "PUT if_seq_no=7&if_primary_term=1",
    "GET ",
    "PUT op_type=create",
  ]);
});
