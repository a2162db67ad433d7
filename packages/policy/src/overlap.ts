import { Cidr, IpAddress } from "@holdfast/core";
import type { PortRange, ProgramRule, Service } from "./rule-program.ts";

/**
 * Rules of one path, asked whether a packet may match one of them and a further rule. "May": sets can have members in common, and source ports are not
 * looked at, so that it says yes more often than is true, and never no when it is.
 */
export class OverlapIndex {
  /** What rules for any remote, or for sets, speak of. */
  readonly #wide = new ServiceUse();
  /** What all rules speak of. */
  readonly #all = new ServiceUse();
  readonly #prefixes = new PrefixUse();

  add({ remote, services }: ProgramRule): void {
    this.#all.add(services);
    if (remote === "any" || remote.sets.length > 0) this.#wide.add(services);
    if (remote !== "any") for (const prefix of remote.prefixes) this.#prefixes.add(prefix, services);
  }

  mayOverlap({ remote, services }: ProgramRule): boolean {
    if (!this.#all.meets(services)) return false;
    if (remote === "any" || remote.sets.length > 0 || this.#wide.meets(services)) return true;
    return remote.prefixes.some((prefix) => this.#prefixes.meets(prefix, services));
  }
}

type Services = ProgramRule["services"];

const PORTS = 65_536;
const ANY: readonly PortRange[] = [{ first: 0, last: PORTS - 1 }];

/** Services in use. */
class ServiceUse {
  #any = false;
  /** By protocol: which destination ports, or ICMP types. */
  readonly #ports = new Map<number, PortUse>();

  add(services: Services): void {
    if (services === "any") this.#any = true;
    else for (const service of services) this.#portsOf(service.protocol).add(numbersOf(service));
  }

  meets(services: Services): boolean {
    if (this.#any) return true;
    if (services === "any") return this.#ports.size > 0;
    return services.some((service) => this.#ports.get(service.protocol)?.meets(numbersOf(service)) ?? false);
  }

  #portsOf(protocol: number): PortUse {
    return this.#ports.getOrInsertComputed(protocol, () => new PortUse());
  }
}

/** As ports: of ICMP the type. */
function numbersOf({ destinationPorts, icmp }: Service): readonly PortRange[] {
  return icmp === undefined ? (destinationPorts ?? ANY) : [{ first: icmp.type, last: icmp.type }];
}

const FEW = 16;

/** Ranges in use: a list while they are few, as of most prefixes, else a bit each. */
class PortUse {
  readonly #few: PortRange[] = [];
  #bits: Uint32Array | undefined;

  add(ranges: readonly PortRange[]): void {
    if (this.#bits === undefined) {
      this.#few.push(...ranges);
      if (this.#few.length <= FEW) return;
      this.#bits = new Uint32Array(PORTS / 32);
      for (const range of this.#few) mark(this.#bits, range);
      return;
    }
    for (const range of ranges) mark(this.#bits, range);
  }

  meets(ranges: readonly PortRange[]): boolean {
    const bits = this.#bits;
    if (bits !== undefined) return ranges.some((range) => isMarked(bits, range));
    return ranges.some(({ first, last }) => this.#few.some((used) => used.first <= last && first <= used.last));
  }
}

function mark(bits: Uint32Array, { first, last }: PortRange): void {
  for (let word = first >>> 5; word <= last >>> 5; word++) bits[word] = (bits[word] ?? 0) | maskOf(word, first, last);
}

function isMarked(bits: Uint32Array, { first, last }: PortRange): boolean {
  for (let word = first >>> 5; word <= last >>> 5; word++) {
    if (((bits[word] ?? 0) & maskOf(word, first, last)) !== 0) return true;
  }
  return false;
}

/** The bits of a word that lie from `first` to `last`. */
function maskOf(word: number, first: number, last: number): number {
  const from = word === first >>> 5 ? -1 << (first & 31) : -1;
  const to = word === last >>> 5 ? -1 >>> (31 - (last & 31)) : -1;
  return from & to;
}

/** Prefixes in use, each with its services. */
class PrefixUse {
  readonly #services = new Map<Cidr, ServiceUse>();
  /** The lengths that occur, each with the first addresses as numbers. */
  readonly #byLength = new Map<number, Map<bigint, Cidr>>();
  /** In order of their first addresses. */
  readonly #order: { readonly first: bigint; readonly prefix: Cidr }[] = [];

  add(prefix: Cidr, services: Services): void {
    let use = this.#services.get(prefix);
    if (use === undefined) {
      use = new ServiceUse();
      this.#services.set(prefix, use);
      const first = firstOf(prefix);
      this.#byLength.getOrInsertComputed(Cidr.length(prefix), () => new Map<bigint, Cidr>()).set(first, prefix);
      this.#order.splice(this.#position(first), 0, { first, prefix });
    }
    use.add(services);
  }

  meets(prefix: Cidr, services: Services): boolean {
    const first = firstOf(prefix);
    return this.#around(prefix, first, services) || this.#within(prefix, first, services);
  }

  /** Whether one that contains the prefix does, or the prefix itself. */
  #around(prefix: Cidr, first: bigint, services: Services): boolean {
    const bits = IpAddress.bits(Cidr.family(prefix));
    for (const [length, prefixes] of this.#byLength) {
      if (length > Cidr.length(prefix)) continue;
      const hostBits = BigInt(bits - length);
      if (this.#speaks(prefixes.get((first >> hostBits) << hostBits), services)) return true;
    }
    return false;
  }

  #within(prefix: Cidr, first: bigint, services: Services): boolean {
    const end = first + Cidr.size(prefix);
    for (let index = this.#position(first); index < this.#order.length; index++) {
      const inner = this.#order[index];
      if (inner === undefined || inner.first >= end) return false;
      if (this.#speaks(inner.prefix, services)) return true;
    }
    return false;
  }

  #speaks(prefix: Cidr | undefined, services: Services): boolean {
    return prefix !== undefined && (this.#services.get(prefix)?.meets(services) ?? false);
  }

  /** Of the first that is not less. */
  #position(first: bigint): number {
    let low = 0;
    let high = this.#order.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#order[middle]?.first ?? first) < first) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function firstOf(prefix: Cidr): bigint {
  return IpAddress.toBigInt(Cidr.first(prefix));
}
