import { decodeMessages } from "./codec/message.ts";
import { EventQueue } from "./event-queue.ts";
import { EventReader } from "./event-reader.ts";
import type { KernelEvent } from "./kernel.ts";
import { attempt } from "./kernel-error.ts";
import { listen } from "./listener.ts";
import { listenerBeside, type NetlinkSocket } from "./netlink-socket.ts";

/** RTMGRP_LINK, _NEIGH, _IPV4_IFADDR, _IPV4_ROUTE, _IPV6_IFADDR, _IPV6_ROUTE of linux/rtnetlink.h. */
const GROUPS = 0x1 | 0x4 | 0x10 | 0x40 | 0x100 | 0x400;
/** Events a slow reader may leave behind before it is told to list again. */
const QUEUE_LIMIT = 65_536;

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

/** Listens in the namespace of `socket` until nobody follows any more. */
export function watchNamespace(socket: NetlinkSocket, { bufferBytes, onIdle }: WatchOptions): NamespaceWatch {
  const reader = new EventReader(socket);
  const queues = new Set<EventQueue<KernelEvent>>();
  let ended = false;

  const tell = (event: KernelEvent): void => {
    for (const queue of queues) queue.push(event);
  };
  const fail = (error: unknown): void => {
    for (const queue of queues) queue.end(error instanceof Error ? error : new TypeError(String(error)));
  };
  const listener = listen(
    attempt("watch the kernel", () => listenerBeside(socket, GROUPS, bufferBytes)),
    {
      onDatagram(bytes) {
        for (const event of decodeMessages(bytes).flatMap((message) => reader.read(message))) tell(event);
      },
      onOverrun() {
        tell({ kind: "overrun" });
        reader.refresh();
      },
      onFailure: fail,
    },
  );

  function leave(queue: EventQueue<KernelEvent>): void {
    queues.delete(queue);
    if (ended || queues.size > 0) return;
    ended = true;
    listener.close();
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
        if (queues.size > 0) listener.drain();
        queues.add(queue);
      } catch (error) {
        queues.add(queue);
        fail(error);
      }
      return queue;
    },
  };
}
