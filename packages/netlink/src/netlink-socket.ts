import { concatenate, viewOf } from "./codec/attributes.ts";
import {
  decodeMessages,
  decodeOutcome,
  encodeMessage,
  Flag,
  type Message,
  MessageType,
  type Outcome,
  type Request,
} from "./codec/message.ts";
import { readDump } from "./dump.ts";
import { check, checkUnless, Errno, libc } from "./libc.ts";
import { namespaceOfSocket, withNamespaceFd } from "./namespaces.ts";

const AF_NETLINK = 16;
/** linux/netlink.h */
const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
type Protocol = typeof NETLINK_ROUTE | typeof NETLINK_NETFILTER;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDBUFFORCE = 32;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_DONTWAIT = 0x40;

/** The kernel cuts dumps into datagrams of at most 32 KiB (netlink_dump) */
const BUFFER_BYTES = 64 * 1024;
/** A transaction of nftables is one datagram. */
const TRANSACTION_BYTES = 8 * 1024 * 1024;
/** rtnetlink answers within send(2); this bound turns a kernel that does not into an error instead of a hang. */
const ANSWER_SECONDS = 2;

/** For all sockets: what is read into it is decoded before anything else can read. */
const receiveBuffer = new Uint8Array(BUFFER_BYTES);

/**
 * A socket that asks rtnetlink and reads the answers, both at once: the kernel works a request off within send(2), so that the ack
 * can be read right after it. Belongs to the namespace the thread was in when it was made.
 */
export class NetlinkSocket {
  readonly fd: number;
  #sequence = 0;

  constructor(protocol: Protocol = NETLINK_ROUTE) {
    this.fd = openNetlink(0, 0, protocol);
    if (protocol === NETLINK_NETFILTER) {
      check(
        "setsockopt SO_SNDBUFFORCE",
        libc.setsockopt(this.fd, SOL_SOCKET, SO_SNDBUFFORCE, int32(TRANSACTION_BYTES), 4),
      );
      check(
        "setsockopt SO_RCVBUFFORCE",
        libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(TRANSACTION_BYTES), 4),
      );
    }
    const timeout = new Uint8Array(16);
    viewOf(timeout).setBigInt64(0, BigInt(ANSWER_SECONDS), true);
    check("setsockopt SO_RCVTIMEO", libc.setsockopt(this.fd, SOL_SOCKET, SO_RCVTIMEO, timeout, timeout.length));
  }

  /** Sends the requests in one datagram, which the kernel works off in order, each whether or not the one before failed. */
  transact(requests: readonly Request[]): Outcome[] {
    return this.#outcomes(this.#send(requests), requests.length);
  }

  /**
   * A transaction of nftables: all of the middle or nothing. Gives what was refused first, if anything was; what is wrong with the whole is an answer to
   * `begin`, and has no index. Only the last of the middle is acknowledged, for answers to thousands would overrun the socket.
   */
  transactBatch(
    begin: Request,
    middle: readonly Request[],
    end: Request,
  ): { readonly index: number; readonly outcome: Outcome } | undefined {
    const acknowledged = middle.map((each, index) =>
      index === middle.length - 1 ? { ...each, flags: each.flags | Flag.ack } : each,
    );
    const first = this.#send([begin, ...acknowledged, end]);
    let refused: { readonly index: number; readonly outcome: Outcome } | undefined;
    for (;;) {
      for (const message of this.#receive()) {
        if (message.type !== MessageType.error || message.sequence < first) continue;
        const outcome = decodeOutcome(message);
        const index = message.sequence - first - 1;
        if (outcome.errno !== 0) refused ??= { index, outcome };
        if (index === -1 ? refused !== undefined : index === middle.length - 1) return refused;
      }
    }
  }

  /** The same on a thread of libuv's pool, for what keeps the kernel busy for milliseconds. Nothing else may use the socket meanwhile. */
  async transactElsewhere(requests: readonly Request[]): Promise<Outcome[]> {
    const first = this.#sequence + 1;
    const datagram = this.#encode(requests);
    await new Promise<void>((resolve, reject) => {
      // koffi hands over the errno of that thread for the time of the callback.
      libc.send.async(this.fd, datagram, datagram.length, 0, (failure: unknown, sent: number) => {
        try {
          if (failure instanceof Error) throw failure;
          check("send", sent);
          resolve();
        } catch (error) {
          reject(error as Error);
        }
      });
    });
    return this.#outcomes(first, requests.length);
  }

  #outcomes(first: number, count: number): Outcome[] {
    const outcomes = new Map<number, Outcome>();
    while (outcomes.size < count) {
      for (const message of this.#receive()) {
        if (message.type !== MessageType.error || message.sequence < first) continue;
        outcomes.set(message.sequence, decodeOutcome(message));
      }
    }
    return Array.from({ length: count }, (_, index) => outcomes.get(first + index) ?? { errno: 0 });
  }

  /** One request that is answered by one message; the outcome is an error otherwise. */
  get(request: Request): Message | Outcome {
    const sequence = this.#send([request]);
    for (;;) {
      const answer = this.#receive().find((message) => message.sequence === sequence);
      if (answer === undefined) continue;
      return answer.type === MessageType.error ? decodeOutcome(answer) : { ...answer, body: answer.body.slice() };
    }
  }

  /** All rows of a table; see {@link readDump}. None when the kernel refuses with one of the errnos in `absent`. */
  dump<T>(
    task: string,
    request: Request,
    decode: (body: Uint8Array) => T | undefined,
    absent?: ReadonlySet<number>,
  ): T[] {
    const ask = () => ({ sequence: this.#send([request]), receive: () => this.#receive() });
    return readDump(task, ask, decode, absent);
  }

  /** What the kernel knows it by, and names in events about what it has done. */
  portId(): number {
    const address = new Uint8Array(12);
    check("getsockname", libc.getsockname(this.fd, address, int32(address.length)));
    return viewOf(address).getUint32(4, true);
  }

  close(): void {
    libc.close(this.fd);
  }

  /** The sequence number of the first. */
  #send(requests: readonly Request[]): number {
    const first = this.#sequence + 1;
    const datagram = this.#encode(requests);
    check("send", libc.send(this.fd, datagram, datagram.length, 0));
    return first;
  }

  #encode(requests: readonly Request[]): Uint8Array {
    return concatenate(requests.map((request) => encodeMessage(request, ++this.#sequence)));
  }

  #receive(): Message[] {
    for (;;) {
      const datagram = receiveInto(this.fd, receiveBuffer, 0);
      if (datagram !== undefined) return decodeMessages(datagram);
    }
  }
}

/** Another socket in the namespace of this one. */
export function socketBeside(socket: NetlinkSocket): NetlinkSocket {
  return besideSocket(socket, () => new NetlinkSocket());
}

/** Opens something in the namespace of a socket. */
function besideSocket<T>(socket: NetlinkSocket, open: () => T): T {
  const namespace = namespaceOfSocket(socket.fd);
  try {
    return withNamespaceFd(namespace, open);
  } finally {
    libc.close(namespace);
  }
}

/** A datagram that waits, or none. The socket never blocks. */
export function receiveWaiting(fd: number, buffer: Uint8Array): Uint8Array | undefined {
  return receiveInto(fd, buffer, MSG_DONTWAIT);
}

/** A descriptor, beside a socket, that hears what happens in the groups (bits of RTMGRP_…, or of another protocol); at most `bytes` wait unread. */
export function listenerBeside(
  socket: NetlinkSocket,
  groups: number,
  bytes: number,
  protocol: Protocol = NETLINK_ROUTE,
): number {
  return besideSocket(socket, () => openListener(groups, bytes, protocol));
}

function openListener(groups: number, bytes: number, protocol: Protocol): number {
  const fd = openNetlink(groups, SOCK_NONBLOCK, protocol);
  check("setsockopt SO_RCVBUFFORCE", libc.setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, int32(bytes), 4));
  return fd;
}

function openNetlink(groups: number, type = 0, protocol: number = NETLINK_ROUTE): number {
  const fd = check("socket", libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | type, protocol));
  try {
    // struct sockaddr_nl: family u16, padding u16, port id u32 (0: the kernel chooses), groups u32
    const address = new Uint8Array(12);
    viewOf(address).setUint16(0, AF_NETLINK, true);
    viewOf(address).setUint32(8, groups, true);
    check("bind", libc.bind(fd, address, address.length));
    for (const option of [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK]) {
      check("setsockopt", libc.setsockopt(fd, SOL_NETLINK, option, int32(1), 4));
    }
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

/** Undefined: nothing has come, because a signal came first or nothing was there. */
function receiveInto(fd: number, buffer: Uint8Array, flags: number): Uint8Array | undefined {
  const nothing = flags === MSG_DONTWAIT ? [Errno.EINTR, Errno.EAGAIN] : [Errno.EINTR];
  const length = checkUnless("recv", libc.recv(fd, buffer, buffer.length, flags), nothing);
  return length === undefined ? undefined : buffer.subarray(0, length);
}

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  viewOf(bytes).setInt32(0, value, true);
  return bytes;
}
