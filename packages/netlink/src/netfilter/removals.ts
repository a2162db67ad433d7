import { parseAttributes, readText } from "../codec/attributes.ts";
import { decodeMessages, type Message } from "../codec/message.ts";
import { EventQueue } from "../event-queue.ts";
import { attempt } from "../kernel-error.ts";
import { libc } from "../libc.ts";
import { listen } from "../listener.ts";
import { listenerBeside, NETLINK_NETFILTER, type NetlinkSocket } from "../netlink-socket.ts";
import { messageType, SUBSYSTEM } from "./codec.ts";
import type { Removal } from "./netfilter.ts";
import { keepOwnFrom } from "./own-filter.ts";

/** NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h, as a bit. */
const GROUPS = 1 << (7 - 1);
/** Elements of a large set come as one event each. */
const BUFFER_BYTES = 4 * 1024 * 1024;
const QUEUE_LIMIT = 1024;

/** What is taken out, by message (linux/netfilter/nf_tables.h): the part, and the attribute that has its name. */
const PARTS: ReadonlyMap<number, { readonly part: Removal["part"]; readonly name: number }> = new Map([
  [2, { part: "table", name: 1 }],
  [5, { part: "chain", name: 3 }],
  [8, { part: "chain", name: 2 }],
  [11, { part: "set", name: 2 }],
  [14, { part: "set", name: 2 }],
  [20, { part: "counter", name: 2 }],
]);

/** What others than the socket take out of nftables, from now on, until the signal is aborted. */
export function watchRemovals(socket: NetlinkSocket, signal: AbortSignal): EventQueue<Removal | "overrun"> {
  const descriptor = attempt("watch nftables", () => listenerBeside(socket, GROUPS, BUFFER_BYTES, NETLINK_NETFILTER));
  const own = socket.portId();
  try {
    keepOwnFrom(descriptor, own);
  } catch (error) {
    libc.close(descriptor);
    throw error;
  }
  const onAbort = (): void => queue.end();
  const queue = new EventQueue<Removal | "overrun">({
    limit: QUEUE_LIMIT,
    overflow: "overrun",
    onEnd() {
      signal.removeEventListener("abort", onAbort);
      listener.close();
    },
  });
  const listener = listen(descriptor, {
    onDatagram(bytes) {
      for (const message of decodeMessages(bytes)) {
        const removal = readRemoval(message);
        if (removal !== undefined) queue.push(removal);
      }
    },
    onOverrun: () => queue.push("overrun"),
    onFailure: (error) => queue.end(error instanceof Error ? error : new TypeError(String(error))),
  });
  if (signal.aborted) queue.end();
  else signal.addEventListener("abort", onAbort, { once: true });
  return queue;
}

function readRemoval({ type, body }: Message): Removal | undefined {
  const kind = PARTS.get(type - messageType(SUBSYSTEM.tables, 0));
  if (kind === undefined) return undefined;
  const attributes = parseAttributes(body, 4);
  const [table, name] = [readText(attributes, 1), readText(attributes, kind.name)];
  return table === undefined || name === undefined ? undefined : { table, part: kind.part, name };
}
