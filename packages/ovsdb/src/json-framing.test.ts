import { isHoldfastError } from "@holdfast/core";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonFraming } from "./json-framing.ts";

const anyMessage = fc.dictionary(
  fc.string({ unit: "binary" }),
  fc.oneof(fc.jsonValue(), fc.constantFrom("}{", '"}', "\\", '\\"', "[[{{", "ü\u{1f980}}")),
);
const anySpace = fc.constantFrom("", " ", "\n", "\r\n\t ");

function cut(bytes: Uint8Array, at: readonly number[]): Uint8Array[] {
  const edges = [0, ...at.map((each) => each % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return edges.slice(1).map((edge, index) => bytes.slice(edges[index], edge));
}

describe("JSON framing", () => {
  test("gives the messages of any stream, cut at any bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(anyMessage, anySpace)), fc.array(fc.nat()), (messages, cuts) => {
        const text = messages.map(([message, space]) => space + JSON.stringify(message)).join("");
        const framing = new JsonFraming();
        const got = cut(Buffer.from(text), cuts).flatMap((chunk) => framing.push(chunk));
        expect(got).toEqual(JSON.parse(JSON.stringify(messages.map(([message]) => message))));
      }),
      { numRuns: 500 },
    );
  });

  test("gives the messages of a stream that comes byte by byte", () => {
    const messages = [{ a: '}{"\\' }, { "\u{1f980}": [[{ b: "]" }]] }, {}];
    const framing = new JsonFraming();
    const bytes = Buffer.from(messages.map((each) => JSON.stringify(each)).join(" "));
    expect(Array.from(bytes, (byte) => framing.push(Uint8Array.of(byte))).flat()).toEqual(messages);
  });

  test.each(["}", "[1]", 'x{"a":1}', '{"a":}', "{}]"])("refuses %j", (text) => {
    const error: unknown = (() => {
      try {
        return new JsonFraming().push(Buffer.from(text));
      } catch (caught) {
        return caught;
      }
    })();
    expect(isHoldfastError(error, "unavailable")).toBe(true);
  });

  test("looks at each byte of a large message once", () => {
    let reads = 0;
    const bytes = Buffer.from(
      JSON.stringify({ rows: Array.from({ length: 20_000 }, (_, row) => ({ row, text: "{[" })) }),
    );
    const counted = (chunk: Uint8Array): Uint8Array =>
      new Proxy(chunk, {
        get(target, key) {
          if (typeof key === "string" && /^\d+$/.test(key)) reads++;
          const value: unknown = Reflect.get(target, key, target);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    const framing = new JsonFraming();
    const got: unknown[] = [];
    for (let at = 0; at < bytes.length; at += 64) {
      const chunk = bytes.subarray(at, at + 64);
      got.push(...framing.push(counted(chunk)));
    }
    expect(got).toHaveLength(1);
    expect(reads).toBe(bytes.length);
  });
});
