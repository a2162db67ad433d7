import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareKeys, endOfPrefix } from "./keys.ts";

/** Texts that have much in common, from both sides of what UTF-16 puts in another order. */
const text = fc
  .array(fc.constantFrom("a", "b", "\ud7ff", "\ue000", "\uffff", "😀", "\u{10ffff}"), { maxLength: 4 })
  .map((parts) => parts.join(""));
const bytes = (key: string): Buffer => Buffer.from(key);

describe("keys", () => {
  test("are ordered as their UTF-8 bytes are", () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareKeys(a, b))).toBe(Buffer.compare(bytes(a), bytes(b)));
      }),
      { numRuns: 1000 },
    );
  });

  test("with a prefix are exactly those from the prefix to its end", () => {
    fc.assert(
      fc.property(text, text, (prefix, key) => {
        const end = endOfPrefix(prefix);
        const inside = compareKeys(key, prefix) >= 0 && (end === undefined || compareKeys(key, end) < 0);
        expect(inside).toBe(key.startsWith(prefix));
        expect(end?.isWellFormed() ?? true).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});
