import { HoldfastError } from "@holdfast/core";
import type { Connection } from "./connection.ts";
import { barrierRequest } from "./messages.ts";
import { MessageType } from "./protocol.ts";
import { type Reply, readErrorName, readMultipart } from "./replies.ts";
import type { ByteReader } from "./wire.ts";

/**
 * Sends one multipart request and reads all its parts.
 *
 * @throws HoldfastError `switch_rejected`, `unavailable`.
 */
export function multipart<T>(
  connection: Connection,
  request: (xid: number) => Buffer,
  read: (part: ByteReader) => readonly T[],
): Promise<T[]> {
  const items: T[] = [];
  return exchange(
    connection,
    1,
    (xid) => [request(xid)],
    (reply, done) => {
      const { more, part } = readMultipart(reply.body);
      for (const item of read(part)) items.push(item);
      if (!more) done(items);
    },
  );
}

/**
 * Sends a message that has no answer of its own, then a barrier: resolves when the switch has done it.
 *
 * @throws HoldfastError `switch_rejected`, `unavailable`.
 */
export function sendAndWait(connection: Connection, message: (xid: number) => Buffer): Promise<void> {
  return sendAllAndWait(connection, [message]);
}

/** The same for many, with one barrier. */
export function sendAllAndWait(connection: Connection, messages: readonly ((xid: number) => Buffer)[]): Promise<void> {
  return exchange(
    connection,
    messages.length + 1,
    (xid) => [...messages.map((each, index) => each(xid + index)), barrierRequest(xid + messages.length)],
    (reply, done) => {
      if (reply.type === MessageType.barrierReply) done(undefined);
    },
  );
}

function exchange<T>(
  connection: Connection,
  count: number,
  messages: (firstXid: number) => readonly Buffer[],
  onReply: (reply: Reply, done: (value: T) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const xid = connection.takeXids(count);
  const bytes = messages(xid);
  connection.listen(xid, count, {
    lost: reject,
    reply: (reply) => {
      if (reply.type === MessageType.error) {
        const error = readErrorName(reply.body);
        reject(new HoldfastError("switch_rejected", `the switch refused a request: ${error}`, { details: { error } }));
      } else onReply(reply, resolve);
    },
  });
  if (!connection.open) reject(new HoldfastError("unavailable", "the OpenFlow connection has ended"));
  connection.send(...bytes);
  return promise.finally(() => connection.forget(xid, count));
}
