import { HoldfastError } from "@holdfast/core";

/** One packet of a capture file. */
export interface CapturedPacket {
  /** Since 1970-01-01 UTC; absent: the file does not say when. */
  readonly time?: { readonly seconds: number; readonly nanoseconds: number };
  /** What the bytes begin with: a LINKTYPE_ number of tcpdump.org, e.g. 1 for Ethernet. */
  readonly linkType: number;
  readonly bytes: Uint8Array;
  /** Bytes on the wire; more than {@link bytes} when the capture cut them. */
  readonly originalLength: number;
  /** Where in the file its record begins. */
  readonly offset: number;
}

/** No link that we know carries more; a larger number is a broken file and not memory to ask for. */
export const MOST_PACKET_BYTES = 0x40_0000;

export function brokenCapture(offset: number, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `byte ${offset}: ${why}`, { details: { offset } });
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
