import { HoldfastError, IpAddress } from "@holdfast/core";
import { errnoName, libc } from "./libc.ts";
import type { MessageBatch } from "./message-batch.ts";

export interface UdpSocketOptions {
  /** Where datagrams are taken: an address of this machine, `0.0.0.0`, or `::` for both families. */
  readonly address: string;
  /** 0: any that is free. */
  readonly port: number;
  /** Asked of the kernel, which gives no more than `net.core.rmem_max` unless the process has CAP_NET_ADMIN. */
  readonly receiveBufferBytes: number;
}

/** A socket that blocks its thread. */
export interface UdpSocket {
  readonly port: number;
  /** What the kernel gave, half of what it counts (socket(7), SO_RCVBUF). */
  readonly receiveBufferBytes: number;
  /**
   * Waits until something comes or {@link WAIT_MS} have passed, and gives how many datagrams are in the batch now. After a batch that was not full it waits
   * a moment longer, so that the next one is.
   */
  receive(batch: MessageBatch): number;
  /** The same without waiting, for who has something else to do. */
  poll(batch: MessageBatch): number;
  close(): void;
}

/** So long somebody who has a message for the thread may wait. */
const WAIT_MS = 50;

/** Microseconds; a kernel's timer has 50 of slack (prctl(2), PR_SET_TIMERSLACK), so that much less is no sleep worth its calls. */
const MOST_GATHERING_US = 1000;
const LEAST_GATHERING_US = 100;
/** Of 4 MiB, 1 ms: the kernel has room for some 3,600 datagrams in it. */
const BUFFER_BYTES_PER_US = 4096;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
/** After the first one, only what is there already. */
const MSG_WAITFORONE = 0x10000;
const MSG_DONTWAIT = 0x40;

/** @throws HoldfastError `conflict` when somebody else has the port, `unavailable` for whatever else keeps it from opening */
export function openUdpSocket(options: UdpSocketOptions): UdpSocket {
  const isV6 = options.address.includes(":");
  const fd = libc.socket(isV6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) as number;
  if (fd < 0) throw refused(options, errnoName());
  try {
    // Asked for by force first, which only some processes may, but which has no limit.
    const asked = int32(options.receiveBufferBytes);
    if (!isSet(fd, [SOL_SOCKET, SO_RCVBUFFORCE], asked)) isSet(fd, [SOL_SOCKET, SO_RCVBUF], asked);
    if (isV6) isSet(fd, [IPPROTO_IPV6, IPV6_V6ONLY], int32(0));
    isSet(fd, [SOL_SOCKET, SO_RCVTIMEO], timeval(WAIT_MS));
    const address = socketAddress(options.address, options.port);
    if (libc.bind(fd, address, address.length) !== 0) throw refused(options, errnoName());
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  const receiveBufferBytes = bufferOf(fd) / 2;
  const gathering = gatheringMicroseconds(receiveBufferBytes);
  /** Whether the last call took all that there was. */
  let isEmptied = false;
  function take(batch: MessageBatch, flags: number): number {
    const count = receive(fd, batch, flags);
    isEmptied = count > 0 && count < batch.count;
    return count;
  }
  return {
    port: portOf(fd),
    receiveBufferBytes,
    receive(batch) {
      if (isEmptied && gathering > 0) libc.usleep(gathering);
      return take(batch, MSG_WAITFORONE);
    },
    poll: (batch) => take(batch, MSG_DONTWAIT),
    close: () => void libc.close(fd),
  };
}

/**
 * Where datagrams come one behind another, a wake-up for each few of them costs as much as reading them: so the thread sleeps a moment before it looks
 * again. No longer than a buffer of this size takes even at millions of datagrams in a second.
 */
function gatheringMicroseconds(receiveBufferBytes: number): number {
  const microseconds = Math.min(MOST_GATHERING_US, Math.floor(receiveBufferBytes / BUFFER_BYTES_PER_US));
  return microseconds < LEAST_GATHERING_US ? 0 : microseconds;
}

function receive(fd: number, batch: MessageBatch, flags: number): number {
  const count = libc.recvmmsg(fd, batch.headers, batch.count, flags, null) as number;
  if (count >= 0) return count;
  const why = errnoName();
  // Nothing came in time, a signal did, or somebody that we never sent to says it is not there.
  if (why === "EAGAIN" || why === "EWOULDBLOCK" || why === "EINTR" || why === "ECONNREFUSED") return 0;
  throw new HoldfastError("unavailable", `cannot receive sFlow: recvmmsg: ${why}`);
}

function isSet(fd: number, [level, option]: readonly [number, number], value: Uint8Array): boolean {
  return libc.setsockopt(fd, level, option, value, value.length) === 0;
}

function int32(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(4));
  view.setInt32(0, Math.min(value, 0x7fff_ffff), true);
  return new Uint8Array(view.buffer);
}

/** struct timeval: seconds and microseconds, 8 bytes each. */
function timeval(milliseconds: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(16));
  view.setBigInt64(8, BigInt(milliseconds * 1000), true);
  return new Uint8Array(view.buffer);
}

/** struct sockaddr_in, or sockaddr_in6 with flow label and scope 0. */
function socketAddress(address: string, port: number): Uint8Array {
  const bytes = IpAddress.toBytes(IpAddress.parse(address));
  const isV6 = bytes.length === 16;
  const view = new DataView(new ArrayBuffer(isV6 ? 28 : 16));
  view.setUint16(0, isV6 ? AF_INET6 : AF_INET, true);
  view.setUint16(2, port);
  new Uint8Array(view.buffer).set(bytes, isV6 ? 8 : 4);
  return new Uint8Array(view.buffer);
}

function portOf(fd: number): number {
  const address = new Uint8Array(28);
  libc.getsockname(fd, address, int32(address.length));
  return new DataView(address.buffer).getUint16(2);
}

function bufferOf(fd: number): number {
  const value = new Uint8Array(4);
  libc.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, value, int32(4));
  return new DataView(value.buffer).getInt32(0, true);
}

function refused({ address, port }: UdpSocketOptions, why: string): HoldfastError {
  const where = `cannot take sFlow on UDP ${address.includes(":") ? `[${address}]` : address}:${port}`;
  switch (why) {
    case "EADDRINUSE":
      return new HoldfastError("conflict", `${where}: another program has the port; \`ss -lunp\` shows which`);
    case "EACCES":
      return new HoldfastError("unavailable", `${where}: ports below 1024 need CAP_NET_BIND_SERVICE`, {
        retryable: false,
      });
    case "EADDRNOTAVAIL":
      return new HoldfastError("unavailable", `${where}: this machine does not have the address`);
    case "EAFNOSUPPORT":
      return new HoldfastError("unavailable", `${where}: this machine has no IPv6; take 0.0.0.0`, { retryable: false });
    default:
      return new HoldfastError("unavailable", `${where}: ${why}`);
  }
}
