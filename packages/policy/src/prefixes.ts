import { Cidr, type Family, IpAddress } from "@holdfast/core";

/** A prefix as numbers: its first address and how many bits it has. */
interface Span {
  readonly first: bigint;
  readonly length: number;
}

/** Without those that another one contains; in order of their addresses. */
export function outermost(prefixes: Iterable<Cidr>): Cidr[] {
  const kept: Cidr[] = [];
  for (const prefix of [...new Set(prefixes)].map(withOrder).sort(inOrder)) {
    const before = kept.at(-1);
    if (before === undefined || !Cidr.contains(before, Cidr.first(prefix.cidr))) kept.push(prefix.cidr);
  }
  return kept;
}

/** What of a prefix is in none of the others, as prefixes. */
export function without(prefix: Cidr, others: readonly Cidr[]): Cidr[] {
  const family = Cidr.family(prefix);
  const holes = others.filter((other) => Cidr.family(other) === family).map(spanOf);
  return remaining(spanOf(prefix), holes, IpAddress.bits(family)).map((span) => cidrOf(family, span));
}

function remaining(span: Span, holes: readonly Span[], bits: number): Span[] {
  if (holes.some((hole) => covers(hole, span, bits))) return [];
  const inside = holes.filter((hole) => covers(span, hole, bits));
  if (inside.length === 0) return [span];
  const length = span.length + 1;
  const second = span.first + (1n << BigInt(bits - length));
  return [span.first, second].flatMap((first) => remaining({ first, length }, inside, bits));
}

function covers(outer: Span, inner: Span, bits: number): boolean {
  const shift = BigInt(bits - outer.length);
  return outer.length <= inner.length && outer.first >> shift === inner.first >> shift;
}

function spanOf(prefix: Cidr): Span {
  return { first: IpAddress.toBigInt(Cidr.first(prefix)), length: Cidr.length(prefix) };
}

function cidrOf(family: Family, { first, length }: Span): Cidr {
  return Cidr.of(IpAddress.fromBigInt(family, first), length);
}

function withOrder(cidr: Cidr) {
  return { cidr, family: Cidr.family(cidr), ...spanOf(cidr) };
}

function inOrder(a: ReturnType<typeof withOrder>, b: ReturnType<typeof withOrder>): number {
  if (a.family !== b.family) return a.family === "v4" ? -1 : 1;
  if (a.first !== b.first) return a.first < b.first ? -1 : 1;
  return a.length - b.length;
}
