import { addressOf } from "./libc.ts";

/** UDP carries no more in one datagram. */
const SLOT = 65_536;
/** struct mmsghdr of 64-bit Linux: struct msghdr (name, namelen, iov, iovlen, control, controllen, flags), then the length that was received. */
const HEADER = 64;
const IOV_AT = 16;
const IOV_COUNT_AT = 24;
const LENGTH_AT = 56;
/** struct iovec: base and length. */
const IOV = 16;

/** Memory for several datagrams that one call receives (recvmmsg(2)). */
export interface MessageBatch {
  readonly count: number;
  /** Holds all datagrams; what the next call receives is written over them. */
  readonly view: DataView;
  /** What recvmmsg wants to be given. */
  readonly headers: Uint8Array;
  /** Where a datagram lies in the view. */
  startOf(index: number): number;
  /** Bytes of a datagram that was received. */
  lengthOf(index: number): number;
}

/** All of it is one piece of memory, because headers point to vectors and vectors to slots: none may go before the others. */
export function createMessageBatch(count: number): MessageBatch {
  const memory = new ArrayBuffer(count * (HEADER + IOV + SLOT));
  const memoryAt = addressOf(memory);
  const vectorsAt = count * HEADER;
  const slotsAt = vectorsAt + count * IOV;
  const view = new DataView(memory);
  for (let index = 0; index < count; index++) {
    const [header, vector] = [index * HEADER, vectorsAt + index * IOV];
    view.setBigUint64(header + IOV_AT, memoryAt + BigInt(vector), true);
    view.setBigUint64(header + IOV_COUNT_AT, 1n, true);
    view.setBigUint64(vector, memoryAt + BigInt(slotsAt + index * SLOT), true);
    view.setBigUint64(vector + 8, BigInt(SLOT), true);
  }
  return {
    count,
    view,
    headers: new Uint8Array(memory, 0, vectorsAt),
    startOf: (index) => slotsAt + index * SLOT,
    lengthOf: (index) => view.getUint32(index * HEADER + LENGTH_AT, true),
  };
}
