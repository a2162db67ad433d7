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
export {
  type CounterDelta,
  type CounterNumbers,
  type CounterTracker,
  createCounterTracker,
} from "./numbers/counters.ts";
export { addSample, createEstimateSum, type Estimate, type EstimateSum, estimateOf } from "./numbers/estimate.ts";
export { type Arrival, createSequenceTracker, type SequenceCounts, type SequenceTracker } from "./numbers/sequence.ts";
export {
  createSourceMeter,
  type FlowSampleNumbers,
  type SourceMeter,
  type SourceState,
} from "./numbers/source-meter.ts";
export { type Vantage, vantageOf } from "./numbers/vantage.ts";
export type { Datagram, FormatSpace } from "./sflow/datagram.ts";
export { createSflowDecoder, type DecoderTotals, type SflowDecoder } from "./sflow/decoder.ts";
export { type Refusal, type RefusalReason, refusalReasons } from "./sflow/refusal.ts";
