export { readKernelDrops } from "./receiver/kernel-drops.ts";
export type { Drained } from "./receiver/messages.ts";
export { type Receiver, startReceiver } from "./receiver/receiver.ts";
export type { UdpSocketOptions } from "./receiver/udp-socket.ts";
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
