import { createSflowDecoder } from "@holdfast/flow";

const WARM_UP_SAMPLES = 3_000_000;
const TURN_SAMPLES = 5_000_000;
const TURNS = 7;

export interface DecodeFigures {
  /** Per second of the processor's time, so that what else runs on the machine counts less. */
  readonly samplesPerSecond: readonly number[];
  readonly datagramsPerSecond: readonly number[];
}

/** Reads datagrams over and over, each in a view of its own, as they come from a socket. */
export function measureDecode(datagrams: readonly Uint8Array[]): DecodeFigures {
  const decoder = createSflowDecoder();
  const turn = (wanted: number) => {
    const started = process.cpuUsage().user;
    let [samples, count] = [0, 0];
    while (samples < wanted) {
      for (const { buffer, byteOffset, byteLength } of datagrams) {
        decoder.decode(new DataView(buffer, byteOffset, byteLength), 0, byteLength);
        samples += decoder.datagram.sampleCount;
      }
      count += datagrams.length;
    }
    const seconds = (process.cpuUsage().user - started) / 1e6;
    return { samples: samples / seconds, datagrams: count / seconds };
  };
  turn(WARM_UP_SAMPLES);
  const turns = Array.from({ length: TURNS }, () => turn(TURN_SAMPLES));
  if (Object.values(decoder.totals().refusals).some((count) => count > 0))
    throw new TypeError("a datagram was refused");
  return {
    samplesPerSecond: turns.map(({ samples }) => samples),
    datagramsPerSecond: turns.map(({ datagrams: count }) => count),
  };
}
