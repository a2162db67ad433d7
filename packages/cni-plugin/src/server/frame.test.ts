import { describe, expect, test } from "vitest";
import { frameLength, readFrame, writeFrame } from "./frame.ts";

const CALL = { environment: { CNI_COMMAND: "ADD", CNI_ARGS: "IP=10.20.0.7;X=a=b" }, stdin: '{"name":"ä"}' };

/** A whole beginning whose lengths may be wrong. */
function beginning(magic: string, environmentLength: number, inputLength: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.write(magic, "latin1");
  bytes.writeUInt32BE(environmentLength, 4);
  bytes.writeUInt32BE(inputLength, 8);
  return bytes;
}

describe("a frame", () => {
  test("is read as it was written, and knows its length by its beginning", () => {
    const bytes = writeFrame(CALL);
    expect(frameLength(bytes.subarray(0, 11))).toBeUndefined();
    expect(frameLength(bytes.subarray(0, 12))).toBe(bytes.length);
    expect(readFrame(bytes)).toEqual(CALL);
  });

  test("may be as long as the shim's longest", () => {
    expect(frameLength(beginning("HFC2", 2 ** 20, 2 ** 24))).toBe(12 + 2 ** 20 + 2 ** 24);
  });

  test.each([
    ["of another version", beginning("HFC1", 40, 40)],
    ["with more environment than a call has", beginning("HFC2", 2 ** 20 + 1, 40)],
    ["with more input than the shim hands on", beginning("HFC2", 40, 2 ** 24 + 1)],
  ])("%s is none", (_, bytes) => {
    expect(() => frameLength(bytes)).toThrow("install the plugin again");
  });
});
