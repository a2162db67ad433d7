import { type Clock, HoldfastError } from "@holdfast/core";

export interface FairQueueOptions {
  /** How many may be at work at once. */
  readonly atOnce: number;
  /** How many of one tenant may wait. */
  readonly mostWaiting: number;
  /** How many of one tenant may come in a second, and at once after a rest; 0: any number. */
  readonly rate: number;
}

/**
 * Lets a bounded number of requests work at once. The others wait, and tenants take turns: one that floods waits for itself, not the others
 * for it. Who comes when too many of his tenant wait is sent away and told when to come again.
 */
export interface FairQueue {
  /**
   * Calls `begin` when it is the tenant's turn, at once when there is room. Each call is followed by one {@link leave} of the same weight.
   *
   * @param weight how many places it takes; more than there are counts as all of them. Absent: 1.
   * @throws HoldfastError `too_many_requests` with `retryAfterSeconds` in the details.
   */
  enter(tenant: string, begin: () => void, weight?: number): void;
  leave(weight?: number): void;
  readonly working: number;
  readonly waiting: number;
  /** Whether as many are at work as may be, or as the next one leaves room for. */
  readonly isFull: boolean;
}

/** What a tenant may do without waiting for its rate: fills up with time. */
interface Bucket {
  tokens: number;
  /** Milliseconds, monotonic. */
  filledAt: number;
}

const LONGEST_SECONDS = 60;
/** Who would wait longer than this is sent away at once: the client would have given up. */
const MOST_PATIENCE_SECONDS = 20;

export function createFairQueue({ clock }: { readonly clock: Clock }, options: FairQueueOptions): FairQueue {
  const { atOnce, mostWaiting, rate } = options;
  /** Who waits, by tenant; the tenants in the order of their turns. */
  const queues = new Map<string, Line>();
  const buckets = new Map<string, Bucket>();
  const speed = new Speed(clock);
  let working = 0;
  let waiting = 0;
  /** Places that are taken. */
  let taken = 0;

  const placesOf = (weight: number): number => Math.min(weight, atOnce);

  function start(places: number): void {
    working++;
    taken += places;
  }

  /** Those whose turn it is, as far as there is room. Who needs much of it is not overtaken by who needs little. */
  function startNext(): void {
    for (;;) {
      const next = queues.entries().next().value;
      if (next === undefined) return;
      const [tenant, line] = next;
      const first = line.first;
      if (first === undefined || taken + first.places > atOnce) return;
      line.shift();
      // To the end of the round, or out of it.
      queues.delete(tenant);
      if (line.length > 0) queues.set(tenant, line);
      waiting--;
      start(first.places);
      // Not from here: who is done at once would have the next one begin inside of this one, and so on.
      queueMicrotask(first.begin);
    }
  }

  /** Takes a token. @throws HoldfastError `too_many_requests` when there is none. */
  function checkRate(tenant: string): void {
    const now = clock.monotonic();
    let bucket = buckets.get(tenant);
    if (bucket === undefined) {
      bucket = { tokens: rate, filledAt: now };
      buckets.set(tenant, bucket);
    }
    bucket.tokens = Math.min(rate, bucket.tokens + ((now - bucket.filledAt) / 1000) * rate);
    bucket.filledAt = now;
    if (bucket.tokens < 1) {
      const why = `more than the ${rate} requests a second that a tenant may make`;
      throw tooMany(tenant, why, (1 - bucket.tokens) / rate);
    }
    bucket.tokens--;
  }

  function wait(tenant: string, waiter: Waiter): void {
    if (waiting === 0) speed.restart();
    const line = queues.get(tenant) ?? new Line();
    const seconds = ((line.length + 1) * Math.max(queues.size, 1)) / speed.perSecond();
    if (line.length >= mostWaiting || seconds > MOST_PATIENCE_SECONDS) {
      throw tooMany(tenant, `${line.length} of its requests wait already`, seconds);
    }
    line.push(waiter);
    queues.set(tenant, line);
    waiting++;
  }

  return {
    enter(tenant, begin, weight = 1) {
      if (rate > 0) checkRate(tenant);
      const places = placesOf(weight);
      if (waiting > 0 || taken + places > atOnce) {
        wait(tenant, { begin, places });
        return;
      }
      start(places);
      begin();
    },

    leave(weight = 1) {
      speed.count();
      working--;
      taken -= placesOf(weight);
      startNext();
    },

    get working() {
      return working;
    },
    get waiting() {
      return waiting;
    },
    get isFull() {
      return waiting > 0 || taken >= atOnce;
    },
  };
}

interface Waiter {
  readonly begin: () => void;
  readonly places: number;
}

/** First in, first out, at a cost that does not grow with its length. */
class Line {
  #items: Waiter[] = [];
  #head = 0;

  get length(): number {
    return this.#items.length - this.#head;
  }

  get first(): Waiter | undefined {
    return this.#items[this.#head];
  }

  push(item: Waiter): void {
    this.#items.push(item);
  }

  shift(): void {
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
  }
}

/** How many requests were finished in a second, the last time that there were more of them than could be worked on. */
class Speed {
  readonly #clock: Clock;
  #since: number;
  #count = 0;
  /** A guess, until there is a measurement. */
  #last = 1000;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#since = clock.monotonic();
  }

  /** From now on there is enough to do. */
  restart(): void {
    this.#since = this.#clock.monotonic();
    this.#count = 0;
  }

  count(): void {
    this.#count++;
  }

  perSecond(): number {
    const passed = this.#clock.monotonic() - this.#since;
    if (passed >= 1000) {
      this.#last = Math.max(1, (this.#count * 1000) / passed);
      this.#count = 0;
      this.#since += passed;
    }
    return this.#last;
  }
}

function tooMany(tenant: string, why: string, seconds: number): HoldfastError {
  const retryAfterSeconds = Math.min(LONGEST_SECONDS, Math.max(1, Math.ceil(seconds)));
  const who = tenant === "" ? "requests of no tenant" : `tenant ${tenant}`;
  return new HoldfastError(
    "too_many_requests",
    `too many requests of ${who}: ${why}; come again in ${retryAfterSeconds} s`,
    { details: { retryAfterSeconds, ...(tenant === "" ? {} : { tenant }) }, retryable: true },
  );
}
