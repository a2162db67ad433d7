/** Things that are due at some time, the earliest first: a binary heap, so that adding and taking cost the logarithm of what waits. */
export class DueQueue<T> {
  readonly #heap: { readonly at: number; readonly item: T }[] = [];

  /** When the earliest is due; undefined when nothing waits. */
  get next(): number | undefined {
    return this.#heap[0]?.at;
  }

  add(at: number, item: T): void {
    const heap = this.#heap;
    let index = heap.length;
    const entry = { at, item };
    heap.push(entry);
    while (index > 0) {
      const parent = (index - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || above.at <= at) break;
      heap[index] = above;
      heap[parent] = entry;
      index = parent;
    }
  }

  /** Takes out what is due, at most `limit`. */
  takeDue(now: number, limit: number): T[] {
    const due: T[] = [];
    while (due.length < limit) {
      const top = this.#heap[0];
      if (top === undefined || top.at > now) break;
      due.push(top.item);
      this.#removeTop();
    }
    return due;
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let index = 0;
    for (;;) {
      let least = 2 * index + 1;
      if ((heap[least + 1]?.at ?? Number.POSITIVE_INFINITY) < (heap[least]?.at ?? Number.POSITIVE_INFINITY)) least++;
      const child = heap[least];
      if (child === undefined || child.at >= last.at) break;
      heap[index] = child;
      index = least;
    }
    heap[index] = last;
  }
}
