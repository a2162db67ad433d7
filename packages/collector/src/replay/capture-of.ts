import { pcapDatagram, pcapHead } from "@holdfast/flow";
import type { RecordedDatagram } from "./recorded-datagrams.ts";

/** What {@link captureOf} has written. */
export interface CaptureCounts {
  datagrams: number;
  /** Of the datagrams. */
  bytes: number;
}

/**
 * A pcap file of datagrams, piece by piece.
 *
 * @param port of UDP that they are told to have been sent to
 * @param counts is kept up to date
 */
export async function* captureOf(
  datagrams: AsyncIterable<RecordedDatagram>,
  port: number,
  counts: CaptureCounts,
): AsyncGenerator<Uint8Array> {
  yield pcapHead();
  for await (const { at, bytes } of datagrams) {
    yield pcapDatagram(bytes, at, port);
    counts.datagrams += 1;
    counts.bytes += bytes.length;
  }
}
