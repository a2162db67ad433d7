/** Address texts to numbers and back. Undefined means: not an address. No leading zeros in v4 octets (RFC 6943 section 3.1.1). */

const DOT = 46;
const ZERO = 48;
const COLON = 58;
const SMALL_A = 97;

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

/** As eight groups of 16 bits. */
export function parseV6(text: string): readonly number[] | undefined {
  const groups: number[] = [];
  let gap: number | undefined = text.startsWith("::") ? 0 : undefined;
  let index = gap === undefined ? 0 : 2;
  while (index < text.length) {
    const start = index;
    let group = 0;
    for (; index < text.length && text.charCodeAt(index) !== COLON; index++) {
      if (text.charCodeAt(index) === DOT) return withV4Tail(groups, gap, text.slice(start));
      group = group * 16 + hexDigit(text.charCodeAt(index));
    }
    if (Number.isNaN(group) || index === start || index - start > 4) return undefined;
    groups.push(group);
    if (index === text.length) break;
    index++;
    if (text.charCodeAt(index) === COLON && gap === undefined) {
      gap = groups.length;
      index++;
    } else if (index === text.length) return undefined;
  }
  return filled(groups, gap);
}

/** RFC 5952 section 4: lower case, no leading zeros, the first longest run of two or more zero groups becomes `::`. */
export function formatV6(groups: readonly number[]): string {
  const run = longestZeroRun(groups);
  const hex = groups.map((group) => group.toString(16));
  if (run.length < 2) return hex.join(":");
  return `${hex.slice(0, run.start).join(":")}::${hex.slice(run.start + run.length).join(":")}`;
}

/** NaN for what is no hexadecimal digit. */
function hexDigit(code: number): number {
  if (code >= ZERO && code <= ZERO + 9) return code - ZERO;
  const letter = (code | 32) - SMALL_A;
  return letter >= 0 && letter <= 5 ? letter + 10 : Number.NaN;
}

/** `::ffff:10.0.0.1` is the same as `::ffff:a00:1` (RFC 4291 section 2.2). */
function withV4Tail(groups: readonly number[], gap: number | undefined, text: string): readonly number[] | undefined {
  const tail = parseV4(text);
  return tail === undefined ? undefined : filled([...groups, tail >>> 16, tail & 0xffff], gap);
}

/** With zeros where `::` stood, which stands for at least one. */
function filled(groups: readonly number[], gap: number | undefined): readonly number[] | undefined {
  if (gap === undefined) return groups.length === 8 ? groups : undefined;
  if (groups.length > 7) return undefined;
  return [...groups.slice(0, gap), ...Array<number>(8 - groups.length).fill(0), ...groups.slice(gap)];
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
