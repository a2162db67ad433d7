/** Address texts to numbers and back. Undefined means: not an address. No leading zeros in v4 octets (RFC 6943 section 3.1.1). */

const DOT = 46;
const ZERO = 48;

/** As a number from 0 to 2^32 - 1. Character by character: every address that comes in or is stored goes through here. */
export function parseV4(text: string): number | undefined {
  let value = 0;
  let octets = 0;
  for (let index = 0; index < text.length; index++, octets++) {
    const start = index;
    let octet = 0;
    for (; index < text.length && text.charCodeAt(index) !== DOT; index++) {
      const digit = text.charCodeAt(index) - ZERO;
      if (!(digit >= 0 && digit <= 9)) return undefined;
      octet = octet * 10 + digit;
    }
    const digits = index - start;
    if (digits < 1 || octet > 255 || (digits > 1 && text.charCodeAt(start) === ZERO)) return undefined;
    value = value * 256 + octet;
    // A dot has something behind it.
    if (index === text.length - 1) return undefined;
  }
  return octets === 4 ? value : undefined;
}

export function formatV4(value: number): string {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}`;
}

export function parseV6(text: string): bigint | undefined {
  const withoutV4 = replaceV4Tail(text);
  if (withoutV4 === undefined) return undefined;
  const halves = withoutV4.split("::");
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === "" ? [] : half.split(":")));
  if (head === undefined) return undefined;
  const missing = 8 - head.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return groupsToNumber([...head, ...Array<string>(tail === undefined ? 0 : missing).fill("0"), ...(tail ?? [])]);
}

/** RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero groups becomes `::`. */
export function formatV6(value: bigint): string {
  const groups: number[] = [];
  for (let shift = 112n; shift >= 0n; shift -= 16n) groups.push(Number((value >> shift) & 0xffffn));
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

/** `::ffff:10.0.0.1` is the same as `::ffff:a00:1` (RFC 4291 section 2.2). */
function replaceV4Tail(text: string): string | undefined {
  if (!text.includes(".")) return text;
  const cut = text.lastIndexOf(":");
  const tail = parseV4(text.slice(cut + 1));
  if (cut < 0 || tail === undefined) return undefined;
  return `${text.slice(0, cut + 1)}${(tail >>> 16).toString(16)}:${(tail & 0xffff).toString(16)}`;
}

function groupsToNumber(groups: readonly string[]): bigint | undefined {
  let value = 0n;
  for (const group of groups) {
    if (!/^[0-9a-fA-F]{1,4}$/.test(group)) return undefined;
    value = (value << 16n) | BigInt(Number.parseInt(group, 16));
  }
  return value;
}

function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let start = 0; start < groups.length; start++) {
    let length = 0;
    while (groups[start + length] === 0) length++;
    if (length > best.length) best = { start, length };
  }
  return best;
}
