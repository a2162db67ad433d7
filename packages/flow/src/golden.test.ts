import { describe, expect, test } from "vitest";
import { createSflowDecoder } from "./sflow/decoder.ts";
import { HEAD_SAMPLES } from "./sflow/words.ts";
import { capturesBelow, datagramsIn, goldenLines, ownCaptures } from "./testing/captures.ts";
import { sayAsSflowtool } from "./testing/sflowtool.ts";

/** Captures of other projects, which their licences keep out of this repository: their folder, laid out as capturesBelow says. */
const { HOLDFAST_SFLOW_CAPTURES } = process.env;

/** What says when sflowtool ran, and what it knows from other packets. */
const OF_THE_RUN = [
  "datagramSourceIP",
  "unixSecondsUTC",
  "unixSecondsUTC_uS",
  "localtime",
  "pcapTimestamp",
  "pcapTimestamp_uS",
];

describe.each([...ownCaptures(), ...capturesBelow(HOLDFAST_SFLOW_CAPTURES)])("$name", (capture) => {
  test("is decoded as sflowtool decodes it, field by field", async () => {
    const decoder = createSflowDecoder();
    const golden = goldenLines(capture);
    const datagrams = await datagramsIn(capture.pcap);
    expect(datagrams).toHaveLength(golden.length);
    for (const [index, { packet, payload }] of datagrams.entries()) {
      const line = golden[index];
      const read = decoder.decode(payload, 0, payload.byteLength);
      if (line === undefined) continue;
      const { pcapTimestamp, pcapTimestamp_uS, ...rest } = line;
      const said = read
        ? sayAsSflowtool(decoder.describe(), payload.byteLength, decoder.datagram.head[HEAD_SAMPLES] ?? 0)
        : { datagramSize: String(payload.byteLength), datagramVersion: rest.datagramVersion };
      for (const key of OF_THE_RUN) delete rest[key];
      expect(said).toEqual(withoutExtensions(rest));
      expect(new Date((packet.time?.seconds ?? 0) * 1000).toISOString().replace(".000Z", "+0000")).toBe(pcapTimestamp);
      expect(String(Math.floor((packet.time?.nanoseconds ?? 0) / 1000))).toBe(pcapTimestamp_uS);
    }
  });
});

/** sflowtool lists an IPv6 packet's extension headers; a key holds what comes behind them. */
function withoutExtensions(line: Record<string, unknown>): unknown {
  return JSON.parse(JSON.stringify(line, (key, value: unknown) => (key === "IP6HeaderExtension" ? undefined : value)));
}
