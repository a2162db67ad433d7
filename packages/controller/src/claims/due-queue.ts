import type { RecordCodec } from "../rows/record-codec.ts";
import { createRows } from "../rows/rows.ts";

const LEAST_ROOM = 64;

/**
 * Things that are due at some time, the earliest first: a binary heap, so that adding and taking cost the logarithm of what waits. What waits is
 * packed, because every claim may be waiting: a thing takes some 50 bytes, and what is taken out is a copy.
 */
export class DueQueue<T extends object> {
  readonly #rows = createRows();
  readonly #fields: RecordCodec;
  #times = new Float64Array(LEAST_ROOM);
  #things = new Uint32Array(LEAST_ROOM);
  #size = 0;

  constructor(fields: RecordCodec) {
    this.#fields = fields;
  }

  get size(): number {
    return this.#size;
  }

  /** When the earliest is due; undefined when nothing waits. */
  get next(): number | undefined {
    return this.#size === 0 ? undefined : this.#times[0];
  }

  add(at: number, item: T): void {
    if (this.#size === this.#times.length) this.#resize(2 * this.#size);
    let index = this.#size++;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (this.#timeOf(parent) <= at) break;
      this.#move(parent, index);
      index = parent;
    }
    this.#times[index] = at;
    this.#things[index] = this.#pack(item);
  }

  /** Takes out what is due, at most `limit`. */
  takeDue(now: number, limit: number): T[] {
    const due: T[] = [];
    while (due.length < limit && this.#size > 0 && this.#timeOf(0) <= now) {
      due.push(this.#unpack(this.#things[0] ?? 0));
      this.#removeTop();
    }
    return due;
  }

  #removeTop(): void {
    const last = --this.#size;
    const at = this.#timeOf(last);
    let index = 0;
    for (;;) {
      let least = 2 * index + 1;
      if (least + 1 < last && this.#timeOf(least + 1) < this.#timeOf(least)) least++;
      if (least >= last || this.#timeOf(least) >= at) break;
      this.#move(least, index);
      index = least;
    }
    this.#move(last, index);
    if (last > LEAST_ROOM && last < this.#times.length / 4) this.#resize(this.#times.length / 2);
  }

  #timeOf(index: number): number {
    return this.#times[index] ?? Number.POSITIVE_INFINITY;
  }

  #move(from: number, to: number): void {
    this.#times[to] = this.#timeOf(from);
    this.#things[to] = this.#things[from] ?? 0;
  }

  #resize(room: number): void {
    const [times, things] = [new Float64Array(room), new Uint32Array(room)];
    times.set(this.#times.subarray(0, this.#size));
    things.set(this.#things.subarray(0, this.#size));
    this.#times = times;
    this.#things = things;
  }

  #pack(item: T): number {
    const { slots, writer } = this.#rows;
    writer.restart();
    this.#fields.write(writer, item, item);
    const handle = slots.allocate(writer.length);
    writer.bytes.copy(slots.pageOf(handle), slots.startOf(handle), 0, writer.length);
    return handle;
  }

  #unpack(handle: number): T {
    const { slots, reader } = this.#rows;
    reader.open(handle, { lastTime: true });
    const item = this.#fields.read(reader, {}) as T;
    slots.free(handle);
    return item;
  }
}
