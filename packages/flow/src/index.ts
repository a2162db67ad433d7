export type { CapturedPacket } from "./capture/packet.ts";
export { readCapture } from "./capture/read-capture.ts";
export { createUdpFinder, type Found } from "./capture/udp.ts";
export type {
  DatagramDescription,
  PortDescription,
  RecordDescription,
  SampleDescription,
} from "./describe/datagram.ts";
export type { IpDescription, PacketDescription } from "./describe/packet.ts";
export type { FieldValue, RecordFields } from "./describe/record.ts";
export type { Datagram, FormatSpace } from "./sflow/datagram.ts";
export { createSflowDecoder, type DecoderTotals, type SflowDecoder } from "./sflow/decoder.ts";
export { type Refusal, type RefusalReason, refusalReasons } from "./sflow/refusal.ts";
