export { readKernelDrops } from "./receiver/kernel-drops.ts";
export type { Drained } from "./receiver/messages.ts";
export { type Receiver, startReceiver } from "./receiver/receiver.ts";
export type { UdpSocketOptions } from "./receiver/udp-socket.ts";
