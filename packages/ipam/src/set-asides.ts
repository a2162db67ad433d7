import { type Span, spanFrom } from "./subnet-layout.ts";

/** Offsets that only one owner may have, e.g. the addresses of a node's block. */
export interface SetAside extends Span {
  /** e.g. `"node h1"`. */
  readonly owner: string;
}

/** Stretches of a subnet that are set aside, apart from each other. Looking one up takes as long as halving their list. */
export class SetAsides {
  /** In ascending order. */
  readonly #spans: SetAside[] = [];

  get isEmpty(): boolean {
    return this.#spans.length === 0;
  }

  /** The stretch that the offset lies in; undefined: it is nobody's. */
  at(offset: bigint): SetAside | undefined {
    const span = this.#spans[spanFrom(this.#spans, offset)];
    return span !== undefined && span.first <= offset ? span : undefined;
  }

  /** The first stretch that has an offset with this one in common. */
  overlapping({ first, last }: Span): SetAside | undefined {
    const span = this.#spans[spanFrom(this.#spans, first)];
    return span !== undefined && span.first <= last ? span : undefined;
  }

  /** Must not overlap another one. */
  add(span: SetAside): void {
    this.#spans.splice(spanFrom(this.#spans, span.first), 0, span);
  }

  /** Takes the offsets out of whatever stretches they lie in; what is left of those stays set aside. */
  remove(span: Span): void {
    for (;;) {
      const index = spanFrom(this.#spans, span.first);
      const found = this.#spans[index];
      if (found === undefined || found.first > span.last) return;
      const { first, last, owner } = found;
      const left = first < span.first ? [{ first, last: span.first - 1n, owner }] : [];
      const right = last > span.last ? [{ first: span.last + 1n, last, owner }] : [];
      this.#spans.splice(index, 1, ...left, ...right);
    }
  }
}
