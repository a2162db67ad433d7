/** Bytes that were changed. */
export interface Mutated {
  readonly bytes: Uint8Array;
  /** Everything before it is as it was. */
  readonly firstChange: number;
}

/** Where in the bytes something may be changed; the length stays when it is not all of them. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

type Random = (below: number) => number;
/** Lengths, counts and formats that break careless readers. */
const NUMBERS = [
  0, 1, 3, 4, 5, 0x7f, 0xff, 0x100, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_fffc, 0xffff_ffff,
];

/** Changes one thing somewhere: a bit, a byte, a number, or cuts, repeats, removes and appends bytes. */
export function mutate(original: Uint8Array, random: () => number): Mutated {
  const below: Random = (limit) => Math.floor(random() * limit);
  const at = below(original.length);
  const count = 1 + below(64);
  switch (below(9)) {
    case 0:
      return { bytes: original.slice(0, at), firstChange: at };
    case 1:
      return { bytes: joined(original, randomBytes(count, below)), firstChange: original.length };
    case 2:
      return { bytes: joined(original.subarray(0, at), original.subarray(at + count)), firstChange: at };
    case 3:
      return { bytes: joined(original.subarray(0, at), original.subarray(Math.max(0, at - count))), firstChange: at };
    default:
      return mutateWithin(original, { from: 0, to: original.length }, random);
  }
}

/** Changes bits, bytes or a number in a part of the bytes, and nothing else. */
export function mutateWithin(original: Uint8Array, { from, to }: Range, random: () => number): Mutated {
  const below: Random = (limit) => Math.floor(random() * limit);
  const bytes = original.slice();
  const at = from + below(to - from);
  const word = from + 4 * below((to - from) >>> 2);
  switch (below(4)) {
    case 0:
      bytes[at] = (bytes[at] ?? 0) ^ (1 << below(8));
      return { bytes, firstChange: at };
    case 1:
      bytes[at] = below(256);
      return { bytes, firstChange: at };
    case 2:
      return writeNumber(bytes, word, to, NUMBERS[below(NUMBERS.length)] ?? 0);
    default:
      return writeNumber(bytes, word, to, readNumber(bytes, word) + below(9) - 4);
  }
}

function writeNumber(bytes: Uint8Array, at: number, to: number, value: number): Mutated {
  if (at + 4 <= to) new DataView(bytes.buffer, bytes.byteOffset).setUint32(at, value);
  return { bytes, firstChange: at };
}

function readNumber(bytes: Uint8Array, at: number): number {
  return at + 4 <= bytes.length ? new DataView(bytes.buffer, bytes.byteOffset).getUint32(at) : 0;
}

function randomBytes(count: number, below: Random): Uint8Array {
  return Uint8Array.from({ length: count }, () => below(256));
}

function joined(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
