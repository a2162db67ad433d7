import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeDatagram, encodeFields, encodeSample, exampleFields, layoutNamed } from "@holdfast/flow/testing";
import { flowCountersPageSchema } from "@holdfast/model";
import { expect, test } from "vitest";
import { createCollectorProcess } from "./flow-stream/collector-process.ts";

const COUNTERS = layoutNamed("if_counters");

/** Open vSwitch's sample of a port's counters, `count` packets of 1000 bytes after it began. */
function datagram(sequence: number, count: number): Uint8Array {
  const amounts = { ifIndex: 7, ifInOctets: BigInt(count * 1000), ifInUcastPkts: count, ifInDiscards: count / 10 };
  const records = [encodeFields(COUNTERS, { ...exampleFields(COUNTERS), ...amounts })];
  const samples = [encodeSample({ format: 2, sequence, records })];
  return encodeDatagram({ agent: "10.9.9.1", sequence, uptimeMs: sequence * 10_000, samples });
}

test("what switches have counted is there when the collector was killed and runs again", {
  timeout: 60_000,
}, async () => {
  await using undo = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), "holdfast-counters-"));
  undo.defer(() => rmSync(folder, { recursive: true, force: true }));
  const collector = undo.use(await createCollectorProcess("--store", join(folder, "flows.db")));
  const sender = createSocket("udp4");
  undo.defer(() => void sender.close());
  let sequence = 0;
  const send = (count: number): Promise<void> =>
    new Promise((resolve) => sender.send(datagram(++sequence, count), collector.port, "127.0.0.1", () => resolve()));
  const packets = async (query: string): Promise<readonly unknown[]> =>
    flowCountersPageSchema
      .parse(await collector.ask(`/v1/flows/counters${query}`))
      .items.map(({ egress }) => egress.packets);

  await collector.start();
  for (const count of [100, 140, 200]) await send(count);
  const patient = { timeout: 20_000, interval: 200 };
  await expect.poll(() => packets(""), patient).toEqual([100]);
  await expect.poll(() => packets("?last=1h"), patient).toEqual([100]);
  await collector.kill();
  await collector.start();
  expect(await packets("")).toEqual([]);
  expect(await packets("?last=1h")).toEqual([100]);
  for (const count of [1000, 1030]) await send(count);
  await expect.poll(() => packets("?last=1h"), patient).toEqual([130]);
  expect(await packets("")).toEqual([30]);
});
