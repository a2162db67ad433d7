import { Cidr, type Family, IpAddress } from "@holdfast/core";

/** What becomes of the outermost members when something is added or taken away. */
export interface OuterChange {
  readonly add: readonly Cidr[];
  readonly remove: readonly Cidr[];
}

const NONE: OuterChange = { add: [], remove: [] };

/** Numbers are smaller than texts, and most members are IPv4 addresses: first address and length as one number. */
type Key = number | Cidr;

/**
 * Prefixes of one family, some added several times, and of them the *outermost*: those that no other contains. These are what data paths get, because
 * intervals of a map must not overlap.
 */
export class PrefixSet {
  readonly family: Family;
  readonly #members = new Set<Key>();
  /** How often beyond once. */
  readonly #more = new Map<Key, number>();
  /** How many members have a length. */
  readonly #lengths = new Map<number, number>();
  /** Members by their first address, from the moment on when somebody asks what is inside a prefix. */
  #order: Ordered[] | undefined;

  constructor(family: Family) {
    this.family = family;
  }

  /** Members of all lengths, inner ones included. */
  get size(): number {
    return this.#members.size;
  }

  add(prefix: Cidr): OuterChange {
    const key = keyOf(prefix);
    if (this.#members.has(key)) {
      this.#more.set(key, (this.#more.get(key) ?? 0) + 1);
      return NONE;
    }
    this.#members.add(key);
    this.#count(Cidr.length(prefix), 1);
    this.#order?.splice(position(this.#order, orderedOf(prefix)), 0, orderedOf(prefix));
    if (this.#isInside(prefix)) return NONE;
    return { add: [prefix], remove: this.#outermostIn(prefix) };
  }

  delete(prefix: Cidr): OuterChange {
    const key = keyOf(prefix);
    const more = this.#more.get(key) ?? 0;
    if (more > 0) {
      if (more === 1) this.#more.delete(key);
      else this.#more.set(key, more - 1);
      return NONE;
    }
    if (!this.#members.delete(key)) return NONE;
    this.#order?.splice(position(this.#order, orderedOf(prefix)), 1);
    this.#count(Cidr.length(prefix), -1);
    return this.#isInside(prefix) ? NONE : { add: this.#outermostIn(prefix), remove: [prefix] };
  }

  /** Whether it was added itself. */
  includes(prefix: Cidr): boolean {
    return this.#members.has(keyOf(prefix));
  }

  has(address: IpAddress): boolean {
    if (IpAddress.family(address) !== this.family) return false;
    for (const length of this.#lengths.keys()) if (this.#members.has(keyOf(Cidr.of(address, length)))) return true;
    return false;
  }

  /** All, inner ones included, in no order. */
  *values(): Generator<Cidr, void> {
    for (const key of this.#members) yield this.#prefixOf(key);
  }

  /** In no order. */
  *outermost(): Generator<Cidr, void> {
    for (const key of this.#members) {
      const prefix = this.#prefixOf(key);
      if (!this.#isInside(prefix)) yield prefix;
    }
  }

  #isInside(prefix: Cidr): boolean {
    for (const length of this.#lengths.keys()) {
      if (length < Cidr.length(prefix) && this.#members.has(keyOf(Cidr.of(Cidr.first(prefix), length)))) return true;
    }
    return false;
  }

  /** The outermost of those that are inside a prefix and not it. */
  #outermostIn(prefix: Cidr): Cidr[] {
    if (this.#lengths.keys().every((length) => length <= Cidr.length(prefix))) return [];
    this.#order ??= [...this.#members].map((key) => orderedOf(this.#prefixOf(key))).sort(compare);
    const order = this.#order;
    const { first } = orderedOf(prefix);
    const end = first + Cidr.size(prefix);
    const found: Cidr[] = [];
    let next = first;
    for (let index = position(order, { first, length: Cidr.length(prefix) + 1 }); index < order.length; index++) {
      const member = order[index];
      if (member === undefined || member.first >= end) break;
      if (member.first < next) continue;
      const inner = Cidr.of(IpAddress.fromBigInt(this.family, member.first), member.length);
      found.push(inner);
      next = member.first + Cidr.size(inner);
    }
    return found;
  }

  #count(length: number, change: 1 | -1): void {
    const count = (this.#lengths.get(length) ?? 0) + change;
    if (count > 0) this.#lengths.set(length, count);
    else this.#lengths.delete(length);
  }

  #prefixOf(key: Key): Cidr {
    if (typeof key === "string") return key;
    return Cidr.of(IpAddress.fromV4Number(Math.floor(key / 64)), key % 64);
  }
}

interface Ordered {
  readonly first: bigint;
  readonly length: number;
}

function keyOf(prefix: Cidr): Key {
  const first = IpAddress.toV4Number(Cidr.first(prefix));
  return first === undefined ? prefix : first * 64 + Cidr.length(prefix);
}

function orderedOf(prefix: Cidr): Ordered {
  return { first: IpAddress.toBigInt(Cidr.first(prefix)), length: Cidr.length(prefix) };
}

function compare(a: Ordered, b: Ordered): number {
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.length - b.length;
}

/** Of the first that is not less. */
function position(order: readonly Ordered[], wanted: Ordered): number {
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const there = order[middle];
    if (there !== undefined && compare(there, wanted) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
