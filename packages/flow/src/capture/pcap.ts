import type { ByteSource } from "./byte-source.ts";
import { brokenCapture, type CapturedPacket, MOST_PACKET_BYTES, viewOf } from "./packet.ts";

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;
const RECORD_HEAD = 16;

/** How a file begins, if it is a pcap file: draft-ietf-opsawg-pcap section 4. */
export function isPcap(magic: DataView): boolean {
  return [true, false].some((little) => [MICROSECONDS, NANOSECONDS].includes(magic.getUint32(0, little)));
}

/** The packets behind a pcap file's first 4 bytes. */
export async function* readPcap(source: ByteSource, magic: DataView): AsyncGenerator<CapturedPacket> {
  const little = [MICROSECONDS, NANOSECONDS].includes(magic.getUint32(0, true));
  const perFraction = magic.getUint32(0, little) === NANOSECONDS ? 1 : 1000;
  const head = viewOf(await source.take(20));
  if (head.byteLength < 20) throw brokenCapture(source.offset, "the file ends inside its header");
  // The high bits tell whether frames end in a checksum.
  const linkType = head.getUint32(16, little) & 0xffff;
  for (;;) {
    const { offset } = source;
    const record = viewOf(await source.take(RECORD_HEAD));
    if (record.byteLength === 0) return;
    const length = record.byteLength === RECORD_HEAD ? record.getUint32(8, little) : 0;
    if (length > MOST_PACKET_BYTES)
      throw brokenCapture(offset, `a packet of ${length} bytes: this is no pcap file, or a broken one`);
    const bytes = await source.take(length);
    if (record.byteLength < RECORD_HEAD || bytes.length < length) {
      throw brokenCapture(offset, "the file ends inside this packet; the ones before are whole");
    }
    const time = { seconds: record.getUint32(0, little), nanoseconds: record.getUint32(4, little) * perFraction };
    yield { time, linkType, bytes, originalLength: record.getUint32(12, little), offset };
  }
}
