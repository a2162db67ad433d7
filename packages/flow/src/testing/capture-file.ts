import { createByteWriter } from "./byte-writer.ts";
import { ethernet, ipv4, udp } from "./packets.ts";

/** A packet for a capture file. */
export interface PlannedPacket {
  readonly bytes: Uint8Array;
  readonly seconds?: number;
  readonly fraction?: number;
  /** Absent: the capture kept all. */
  readonly originalLength?: number;
}

export interface PcapOptions {
  /** LINKTYPE_ number; 1 is Ethernet. */
  readonly linkType?: number;
  readonly little?: boolean;
  /** Fractions of seconds are nanoseconds and not microseconds. */
  readonly nanoseconds?: boolean;
}

/** A pcap file. */
export function pcapFile(packets: readonly PlannedPacket[], options: PcapOptions = {}): Uint8Array {
  const { linkType = 1, little = true, nanoseconds = false } = options;
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const head = words(little, magic, little ? 0x0004_0002 : 0x0002_0004, 0, 0, 65_535, linkType);
  const records = packets.map(({ bytes, seconds = 0, fraction = 0, originalLength = bytes.length }) =>
    joined(words(little, seconds, fraction, bytes.length, originalLength), bytes),
  );
  return joined(head, ...records);
}

/** A block of a pcapng file. */
export function pcapngBlock(type: number, body: Uint8Array, little = true): Uint8Array {
  const length = 12 + body.length + (-body.length & 3);
  return joined(words(little, type, length), body, new Uint8Array(-body.length & 3), words(little, length));
}

export function pcapngSection(little = true): Uint8Array {
  return pcapngBlock(
    0x0a0d0d0a,
    joined(words(little, 0x1a2b3c4d, little ? 1 : 0x0001_0000), new Uint8Array(8).fill(255)),
    little,
  );
}

/** @param options after the fixed part, as they are */
export function pcapngInterface(linkType: number, options: Uint8Array = new Uint8Array(), little = true): Uint8Array {
  const type = little ? linkType : linkType * 65_536;
  return pcapngBlock(1, joined(words(little, type, 0), options), little);
}

/** An enhanced packet block; the time is in the interface's units. */
export function pcapngPacket(bytes: Uint8Array, time = 0n, face = 0, little = true): Uint8Array {
  const head = words(little, face, Number(time >> 32n), Number(time & 0xffff_ffffn), bytes.length, bytes.length);
  return pcapngBlock(6, joined(head, bytes), little);
}

/** A capture of Ethernet frames with these datagrams to sFlow's port. */
export function sflowCapture(datagrams: readonly Uint8Array[]): Uint8Array {
  return pcapFile(
    datagrams.map((datagram, index) => ({
      bytes: ethernet({}, ipv4({ source: "10.0.0.1", protocol: 17 }, udp({ destination: 6343 }, datagram))),
      seconds: 1_760_000_000 + index,
    })),
  );
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Numbers of 32 bits in either byte order. */
export function words(little: boolean, ...values: readonly number[]): Uint8Array {
  const bytes = createByteWriter()
    .u32(...values)
    .finish();
  if (!little) return bytes;
  for (let at = 0; at < bytes.length; at += 4) bytes.subarray(at, at + 4).reverse();
  return bytes;
}
