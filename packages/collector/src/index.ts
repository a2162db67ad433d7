export { type Collector, type CollectorDependencies, type CollectorOptions, startCollector } from "./collector.ts";
export { openDuckStore } from "./duckdb/duck-store.ts";
export { createFlowList, type FlowList, type FlowListOptions } from "./list/flow-list.ts";
export type { NamedPrefix } from "./naming/named-prefixes.ts";
export { createSearchStore, type SearchStoreOptions } from "./opensearch/opensearch-store.ts";
export { readKernelDrops } from "./receiver/kernel-drops.ts";
export type { ReceiverOptions } from "./receiver/messages.ts";
export { type Receiver, startReceiver } from "./receiver/receiver.ts";
export type { SampledWindow } from "./receiver/windowing.ts";
export { type CaptureCounts, captureOf } from "./replay/capture-of.ts";
export {
  type RecordedDatagram,
  type RecordedRange,
  recordedInCapture,
  recordedInStream,
} from "./replay/recorded-datagrams.ts";
export { type ReplaySummary, replay } from "./replay/replay.ts";
export type { FlowStore, TierSettings } from "./store/store.ts";
export { openRedis } from "./stream/redis.ts";
export { redisAccess } from "./stream/redis-access.ts";
export type { StreamOptions } from "./stream/stream-options.ts";
export { noStore, type WindowStore } from "./windows/store.ts";
export {
  type EndpointEnd,
  type OutsideEnd,
  samplingRateOf,
  type TrafficDimensions,
  type TrafficDirection,
  type TrafficEnd,
  type TrafficSample,
  type TrafficVerdict,
  type TrafficWindow,
  type UnknownEnd,
  type WindowRow,
  type WindowSink,
} from "./windows/traffic.ts";
