import koffi from "koffi";
import { decodeMessages } from "./codec/message.ts";
import { EventQueue } from "./event-queue.ts";
import { EventReader } from "./event-reader.ts";
import type { KernelEvent } from "./kernel.ts";
import { attempt } from "./kernel-error.ts";
import { Errno, libc, SystemError } from "./libc.ts";
import { listenerBeside, type NetlinkSocket, receiveWaiting } from "./netlink-socket.ts";

/** RTMGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE of linux/rtnetlink.h. */
const GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
/** Events a slow reader may leave behind before it is told to list again. */
const QUEUE_LIMIT = 65_536;
const DATAGRAM_BYTES = 64 * 1024;
/** Then the event loop gets its turn; what is left wakes it again. */
const DATAGRAMS_AT_ONCE = 256;

export interface WatchOptions {
  /** Bytes of events that may wait in the kernel. */
  readonly bufferBytes: number;
  /** The last who followed does not any more: the kernel is not listened to from now on. */
  readonly onIdle: () => void;
}

/** What happens in a namespace, read once for all who follow it. */
export interface NamespaceWatch {
  /** Events from the return of this function on until `end()`, after which `onEnd` is called. */
  follow(onEnd: () => void): EventQueue<KernelEvent>;
}

/**
 * Listens in the namespace of `socket` until nobody follows any more.
 *
 * The descriptor hangs in libuv's own epoll set (uv_poll_t): no thread, no timer, no wake-up without an event.
 */
export function watchNamespace(socket: NetlinkSocket, { bufferBytes, onIdle }: WatchOptions): NamespaceWatch {
  const listener = attempt("watch the kernel", () => listenerBeside(socket, GROUPS, bufferBytes));
  const reader = new EventReader(socket);
  const buffer = new Uint8Array(DATAGRAM_BYTES);
  const queues = new Set<EventQueue<KernelEvent>>();
  let ended = false;

  const tell = (event: KernelEvent): void => {
    for (const queue of queues) queue.push(event);
  };
  const fail = (error: unknown): void => {
    for (const queue of queues) queue.end(error instanceof Error ? error : new TypeError(String(error)));
  };
  const drain = (most: number): void => {
    for (let count = 0; count < most && !ended; count++) {
      const received = receive(listener, buffer);
      if (received === "nothing") return;
      if (received === "overrun") {
        tell({ kind: "overrun" });
        reader.refresh();
      } else {
        for (const event of decodeMessages(received).flatMap((message) => reader.read(message))) tell(event);
      }
    }
  };
  // libuv calls back outside of any JavaScript task: promises settled there would wait for the next one. An immediate is a task.
  // koffi passes libuv's status first, which its types leave out.
  const onReadable = (status: unknown): void => {
    setImmediate(() => {
      if (ended) return;
      try {
        drain(DATAGRAMS_AT_ONCE);
        // After an error on the socket, which an overrun is, libuv has stopped to look at it.
        if (Number(status) < 0 && !ended) poll.start({ readable: true }, onReadable);
      } catch (error) {
        fail(error);
      }
    });
  };
  const poll = koffi.node.poll(listener, { readable: true }, onReadable);

  function leave(queue: EventQueue<KernelEvent>): void {
    queues.delete(queue);
    if (ended || queues.size > 0) return;
    ended = true;
    poll.close();
    libc.close(listener);
    onIdle();
  }

  return {
    follow(onEnd) {
      const queue: EventQueue<KernelEvent> = new EventQueue<KernelEvent>({
        limit: QUEUE_LIMIT,
        overflow: { kind: "overrun" },
        onEnd: () => {
          leave(queue);
          onEnd();
        },
      });
      try {
        // What has happened before is for the others only.
        if (queues.size > 0) drain(Number.POSITIVE_INFINITY);
        queues.add(queue);
      } catch (error) {
        queues.add(queue);
        fail(error);
      }
      return queue;
    },
  };
}

function receive(listener: number, buffer: Uint8Array): Uint8Array | "nothing" | "overrun" {
  try {
    return receiveWaiting(listener, buffer) ?? "nothing";
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.ENOBUFS) return "overrun";
    throw error;
  }
}
