import { DATAGRAM_HEAD, type Entry, MOST_MILLISECONDS } from "./entry.ts";

/** Datagrams on their way to Redis, in the order in which they came; bounded. */
export interface Outbox {
  /** Takes a datagram that came at a time. Where there is no room, the oldest that are not being sent are given up. */
  add(view: DataView, start: number, length: number, at: number): void;
  /** The oldest, to be sent; the same one until it is {@link Outbox.sent}. Undefined: nothing waits. */
  next(): Entry | undefined;
  /** Redis has what {@link Outbox.next} gave last. */
  sent(): void;
  /** Nothing more comes into the oldest: there is no reason to wait with it. */
  readonly isBehind: boolean;
  readonly counts: OutboxCounts;
}

/** In datagrams. */
export interface OutboxCounts {
  /** That Redis has. */
  readonly sent: number;
  readonly waiting: number;
  /** Given up, because there was no memory for more. */
  readonly dropped: number;
}

interface Page {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  first: number;
  at: number;
  count: number;
  used: number;
}

/** Datagrams that come while one entry is on its way become the next: the more there are, the fewer entries for each. */
export const PAGE_BYTES = 256 * 1024;

/**
 * @param from the name of this life of the receiver
 * @param memory bytes for datagrams that wait; those of one entry are held in any case
 */
export function createOutbox(from: string, memory: number): Outbox {
  const mostPages = Math.max(2, Math.floor(memory / PAGE_BYTES));
  const counts = { sent: 0, waiting: 0, dropped: 0 };
  let pages: Page[] = [];
  const spare: Page[] = [];
  let isSending = false;
  let numbered = 0;

  function pageFor(length: number, at: number): Page {
    const last = pages.at(-1);
    const isOpen = last !== undefined && !(isSending && pages.length === 1);
    if (isOpen && last.used + DATAGRAM_HEAD + length <= PAGE_BYTES && at - last.at <= MOST_MILLISECONDS) return last;
    if (pages.length >= mostPages) dropOldest();
    const page = Object.assign(spare.pop() ?? newPage(), { first: numbered, at, count: 0, used: 0 });
    pages.push(page);
    return page;
  }

  function dropOldest(): void {
    const [dropped] = pages.splice(isSending ? 1 : 0, 1);
    if (dropped === undefined) return;
    counts.dropped += dropped.count;
    counts.waiting -= dropped.count;
    spare.push(dropped);
  }

  return {
    counts,
    get isBehind() {
      return pages.length > 1;
    },
    add(view, start, length, at) {
      const page = pageFor(length, at);
      page.view.setUint16(page.used, Math.max(0, at - page.at));
      page.view.setUint16(page.used + 2, length);
      page.bytes.set(new Uint8Array(view.buffer, view.byteOffset + start, length), page.used + DATAGRAM_HEAD);
      page.used += DATAGRAM_HEAD + length;
      page.count += 1;
      counts.waiting += 1;
      numbered += 1;
    },
    next() {
      const [page] = pages;
      if (page === undefined) return undefined;
      isSending = true;
      return { from, first: page.first, at: page.at, datagrams: page.bytes.subarray(0, page.used) };
    },
    sent() {
      const [page, ...rest] = pages;
      if (page === undefined || !isSending) return;
      isSending = false;
      pages = rest;
      counts.sent += page.count;
      counts.waiting -= page.count;
      if (spare.length < 2) spare.push(page);
    },
  };
}

function newPage(): Page {
  const bytes = new Uint8Array(PAGE_BYTES);
  return { bytes, view: new DataView(bytes.buffer), first: 0, at: 0, count: 0, used: 0 };
}
