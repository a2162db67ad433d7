import { ManualClock, RecordingLogger } from "@holdfast/core/testing";
import { encodeDatagram, encodeHeaderRecord, encodeSample, ethernet, ipv4, tcp } from "@holdfast/flow/testing";
import { describe, expect, test } from "vitest";
import { createNaming, nobodyInside } from "../naming/naming.ts";
import { createWindowing, type SampledWindow } from "../receiver/windowing.ts";
import type { TrafficWindow, WindowOrigin } from "../windows/traffic.ts";
import { createPipeline } from "./pipeline.ts";

const header = encodeHeaderRecord(ethernet({}, ipv4({}, tcp())), { frameLength: 1004 });

/** @param origin of all windows, which are a stream's then */
function start(take: (window: TrafficWindow) => Promise<void>, origin?: WindowOrigin) {
  const store = { kind: "test", description: "", take };
  const name = createNaming(nobodyInside, () => undefined);
  const clock = new ManualClock();
  const dependencies = { clock, logger: new RecordingLogger(), store, name, kernelDrops: () => 0 };
  const pipeline = createPipeline(dependencies, 1);
  const give = (window: SampledWindow): void => pipeline.take(origin === undefined ? window : { ...window, origin });
  const windowing = createWindowing(give, { windowMs: 1000, settleMs: 0, holdBytes: 0 });
  let sequence = 0;
  /** A datagram of one sample in the window of a second. */
  const datagram = (number: number, at: number, agent = "10.0.0.1"): void => {
    const sample = encodeSample({ format: 1, sequence: number, rate: 1, pool: number, records: [header] });
    const bytes = encodeDatagram({ agent, sequence: number, uptimeMs: number, samples: [sample] });
    windowing.take(new DataView(bytes.buffer), 0, bytes.length, at * 1000);
  };
  /** One row in the window of this second. */
  const second = (at: number): void => {
    datagram(++sequence, at);
    windowing.advance(at * 1000 + 1000);
  };
  return { pipeline, second, datagram, windowing, clock };
}

describe("the pipeline", () => {
  test("gives a store its windows one after another, and waits for all of them when it is asked to", async () => {
    const given: number[] = [];
    let atOnce = 0;
    const { pipeline, second } = start(async ({ start: at }) => {
      atOnce += 1;
      expect(atOnce).toBe(1);
      await Promise.resolve();
      given.push(at);
      atOnce -= 1;
    });
    for (const at of [1, 2, 3]) second(at);
    await pipeline.settled();
    expect(given).toEqual([1000, 2000, 3000]);
  });

  test("loses windows, counted, to a store that takes none of the last six, and gives it the next when it has", async () => {
    const hanging = Promise.withResolvers<void>();
    const given: number[] = [];
    const { pipeline, second } = start((window) => {
      given.push(window.start);
      return hanging.promise;
    });
    for (let at = 1; at <= 8; at++) second(at);
    expect(pipeline.status(() => undefined).lost).toMatchObject({ store: 2 });
    hanging.resolve();
    await pipeline.settled();
    second(9);
    await pipeline.settled();
    expect(given).toEqual([1000, 2000, 3000, 4000, 5000, 6000, 9000]);
    expect(pipeline.status(() => undefined).lost).toMatchObject({ store: 2 });
  });

  test("loses no window of a stream, whose reader waits for the store", async () => {
    const hanging = Promise.withResolvers<void>();
    const given: number[] = [];
    const take = ({ start: at }: TrafficWindow): Promise<void> => {
      given.push(at);
      return hanging.promise;
    };
    const { pipeline, second } = start(take, { stream: "sflow", number: 1, checkpoint: "{}" });
    // One entry may hold a minute of few datagrams.
    for (let at = 1; at <= 30; at++) second(at);
    hanging.resolve();
    await pipeline.settled();
    expect(given).toHaveLength(30);
    expect(pipeline.status(() => undefined).lost).toMatchObject({ store: 0 });
  });

  test("tells of each exporter by itself how much of it is missing, as long as it is", () => {
    const { pipeline, datagram, windowing } = start(() => Promise.resolve());
    const missing = () =>
      pipeline
        .status(() => undefined)
        .exporters.map(({ agent, received, lost, samplesLost }) => [agent, received, lost, samplesLost]);
    for (const number of [1, 2, 6]) datagram(number, 1);
    for (const number of [7, 8]) datagram(number, 1, "10.0.0.2");
    windowing.advance(2000);
    expect(missing()).toEqual([
      ["10.0.0.1", 3, 3, 3],
      ["10.0.0.2", 2, 0, 0],
    ]);
    expect(pipeline.status(() => undefined).lost.missing).toBe(3);
    // One of them was only overtaken.
    datagram(4, 2);
    windowing.advance(3000);
    expect(missing()[0]).toEqual(["10.0.0.1", 4, 2, expect.any(Number)]);
  });

  test("tells an exporter that has been silent for a minute", () => {
    const { pipeline, second, clock } = start(() => Promise.resolve());
    const states = () => pipeline.status(() => undefined).exporters.map(({ state }) => state);
    second(clock.now().getTime() / 1000);
    clock.advance(60_000);
    expect(states()).toEqual(["heard"]);
    clock.advance(1000);
    expect(states()).toEqual(["silent"]);
  });
});
