export { type Attribution, createAttribution } from "./attribution/attribution.ts";
export {
  type AddressWords,
  addressWords,
  type InventoryChange,
  macWords,
  type PlacedEndpoint,
  type Segment,
} from "./attribution/change.ts";
export type { CapturedPacket } from "./capture/packet.ts";
export { readCapture } from "./capture/read-capture.ts";
export { createUdpFinder, type Found } from "./capture/udp.ts";
export { pcapDatagram, pcapHead } from "./capture/write-pcap.ts";
export type {
  DatagramDescription,
  PortDescription,
  RecordDescription,
  SampleDescription,
} from "./describe/datagram.ts";
export type { IpDescription, PacketDescription } from "./describe/packet.ts";
export type { FieldValue, RecordFields } from "./describe/record.ts";
export {
  type Aggregator,
  type AggregatorOptions,
  createAggregator,
  type Exporter,
  type ExporterState,
  type SourceStateAt,
  type TrafficRow,
  type TrafficSampleRow,
  type TrafficSums,
  trafficRows,
  trafficSamples,
} from "./numbers/aggregator.ts";
export {
  type CounterDelta,
  type CounterNumbers,
  type CounterTracker,
  createCounterTracker,
} from "./numbers/counters.ts";
export { type Estimate, type EstimateSum, estimateOf } from "./numbers/estimate.ts";
export {
  addedAmounts,
  createInterfaceCounters,
  type InterfaceAmounts,
  type InterfaceCounters,
  type InterfaceGrowth,
} from "./numbers/interface-counters.ts";
export type { SequenceCounts } from "./numbers/sequence.ts";
export type { SourceState } from "./numbers/source-meter.ts";
export type { TrafficKey } from "./numbers/traffic-key.ts";
export { type Vantage, vantageOf } from "./numbers/vantage.ts";
export {
  type EndField,
  type EndRole,
  endFields,
  fieldName,
  type PacketField,
  packetFields,
  type TrafficField,
  trafficField,
  trafficFieldNames,
  type ValueKind,
  valueKindOf,
} from "./query/field.ts";
export type { FilterValue, TrafficFilter } from "./query/filter.ts";
export { parseTrafficFilter } from "./query/parse-filter.ts";
export { protocolName } from "./query/protocol.ts";
export type { Datagram, FormatSpace } from "./sflow/datagram.ts";
export { createSflowDecoder, type DecoderTotals, type SflowDecoder } from "./sflow/decoder.ts";
export { type Refusal, type RefusalReason, refusalReasons } from "./sflow/refusal.ts";
