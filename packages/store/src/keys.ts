import { HoldfastError } from "@holdfast/core";

/** @throws HoldfastError `invalid_argument`: a key is well-formed Unicode text without NUL, at least one character long. */
export function checkKey(key: string): void {
  if (key === "" || key.includes("\0") || !key.isWellFormed()) {
    throw new HoldfastError(
      "invalid_argument",
      `not a key: ${JSON.stringify(key.slice(0, 80))}; a key is Unicode text without NUL, at least one character`,
    );
  }
}

/** Order of keys by their UTF-8 bytes, which is that of their code points; negative when `a` comes first. */
export function compareKeys(a: string, b: string): number {
  const shorter = Math.min(a.length, b.length);
  for (let index = 0; index < shorter; index++) {
    const left = a.charCodeAt(index);
    const right = b.charCodeAt(index);
    if (left !== right) return rank(left) - rank(right);
  }
  return a.length - b.length;
}

/** The least key above all keys with this prefix; undefined when there is none. */
export function endOfPrefix(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0) ?? 0);
  for (let last = points.pop(); last !== undefined; last = points.pop()) {
    if (last === 0x10ffff) continue;
    return String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
  }
  return undefined;
}

/** UTF-16 puts surrogates, which stand for the highest code points, before U+E000; this moves them behind. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit;
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800;
}

/** @throws HoldfastError `invalid_argument` unless it is a whole number from 0. */
export function checkCount(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new HoldfastError("invalid_argument", `${name} is a whole number from 0, not ${value}`, {
    details: { field: name },
  });
}
