export {
  type InterfaceAddress,
  type Kernel,
  type KernelChange,
  type KernelEvent,
  type Link,
  type LinkChange,
  type Neighbour,
  ROUTE_PROTOCOL,
  type Route,
  type RouteFilter,
  type VethOptions,
} from "./kernel.ts";
export { KernelError } from "./kernel-error.ts";
export { createNamespace, deleteNamespace, NAMESPACE_FOLDER, withNamespace } from "./namespaces.ts";
export type {
  ChainChange,
  ChainContents,
  Connection,
  ConnectionFilter,
  Netfilter,
  NetfilterCounter,
  Removal,
  SetChange,
  TableChange,
  TableContents,
  TableFamily,
  TableName,
} from "./netfilter/netfilter.ts";
export { createNetfilter } from "./netfilter/nfnetlink-netfilter.ts";
export { createKernel, type KernelOptions } from "./rtnetlink-kernel.ts";
export { createThreadLoad, type ThreadLoad } from "./thread-load.ts";
export { createTrafficControl } from "./traffic/rtnetlink-traffic.ts";
export type {
  ClassId,
  IfbOptions,
  IngressRedirect,
  Qdisc,
  TrafficClass,
  TrafficControl,
} from "./traffic/traffic-control.ts";
