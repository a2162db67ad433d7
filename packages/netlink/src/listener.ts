import koffi from "koffi";
import { Errno, libc, SystemError } from "./libc.ts";
import { receiveWaiting } from "./netlink-socket.ts";

const DATAGRAM_BYTES = 64 * 1024;
/** Then the event loop gets its turn; what is left wakes it again. */
const DATAGRAMS_AT_ONCE = 256;

export interface Listening {
  /** The bytes are those of a buffer that is used again. */
  readonly onDatagram: (bytes: Uint8Array) => void;
  /** More has come than the socket holds: some is lost. */
  readonly onOverrun: () => void;
  /** Nothing comes any more. */
  readonly onFailure: (error: unknown) => void;
}

export interface Listener {
  /** Reads what has come by now. */
  drain(): void;
  close(): void;
}

/**
 * Reads a descriptor, which closes with it, whenever something has come.
 *
 * It hangs in libuv's own epoll set (uv_poll_t): no thread, no timer, no wake-up without an event.
 */
export function listen(descriptor: number, { onDatagram, onOverrun, onFailure }: Listening): Listener {
  const buffer = new Uint8Array(DATAGRAM_BYTES);
  let ended = false;

  const drain = (most: number): void => {
    for (let count = 0; count < most && !ended; count++) {
      const received = receive(descriptor, buffer);
      if (received === "nothing") return;
      if (received === "overrun") onOverrun();
      else onDatagram(received);
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
        onFailure(error);
      }
    });
  };
  const poll = koffi.node.poll(descriptor, { readable: true }, onReadable);

  return {
    drain: () => drain(Number.POSITIVE_INFINITY),
    close() {
      if (ended) return;
      ended = true;
      poll.close();
      libc.close(descriptor);
    },
  };
}

function receive(descriptor: number, buffer: Uint8Array): Uint8Array | "nothing" | "overrun" {
  try {
    return receiveWaiting(descriptor, buffer) ?? "nothing";
  } catch (error) {
    if (error instanceof SystemError && error.errno === Errno.ENOBUFS) return "overrun";
    throw error;
  }
}
