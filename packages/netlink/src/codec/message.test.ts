import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { concatenate } from "./attributes.ts";
import { decodeMessages, decodeOutcome, encodeMessage, Flag } from "./message.ts";

describe("messages", () => {
  test("have a header of 16 bytes", () => {
    expect(encodeMessage({ type: 18, flags: Flag.dump, body: [bytes("11000000")] }, 7)).toEqual(
      bytes(
        "14000000 length 20",
        "1200 RTM_GETLINK",
        "0103 request, dump",
        "07000000 sequence",
        "00000000 port id",
        "11000000",
      ),
    );
  });

  test("are read one after the other, padded to 4 bytes, up to one whose length is broken", () => {
    // biome-ignore format: one message a line
    const datagram = bytes(
      "11000000 length 17", "0300 done", "1000 interrupted", "05000000 sequence", "00000000 port id", "aa body", "000000 padding",
      "10000000 length 16", "1000 RTM_NEWLINK", "0000 flags", "06000000 sequence", "00000000 port id",
      "ff000000 length beyond the end", "1000 type", "0000 flags", "07000000 sequence", "00000000 port id",
    );
    expect(decodeMessages(datagram)).toEqual([
      { type: 3, flags: Flag.dumpInterrupted, sequence: 5, portId: 0, body: bytes("aa") },
      { type: 16, flags: 0, sequence: 6, portId: 0, body: new Uint8Array() },
    ]);
  });

  test("of refusal carry errno and, after the request's header, the kernel's own words", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "9bffffff minus 101",
      "30000000 length of the request", "1800 RTM_NEWROUTE", "0505 flags", "09000000 sequence", "01000000 port id",
      "0e00 length 14", "0100 NLMSGERR_ATTR_MSG", "6e6f20676174653f6100 text", "0000 padding",
    );
    const capped = { type: 2, flags: Flag.capped | Flag.ackAttributes, sequence: 9, body };
    expect(decodeOutcome(capped)).toEqual({ errno: 101, explanation: "no gate?a" });
    expect(decodeOutcome({ ...capped, flags: Flag.capped })).toEqual({ errno: 101 });
    const echoed = concatenate([
      bytes("9bffffff", "14000000 length 20", "1800", "0505", "09000000", "01000000", "deadbeef the request's body"),
      bytes("0700 length 7", "0100 NLMSGERR_ATTR_MSG", "6e6f00 text", "00 padding"),
    ]);
    expect(decodeOutcome({ ...capped, flags: Flag.ackAttributes, body: echoed })).toEqual({
      errno: 101,
      explanation: "no",
    });
  });

  test("of success and of a dump's end carry errno 0", () => {
    expect(decodeOutcome({ type: 2, flags: Flag.capped, sequence: 1, body: new Uint8Array(20) })).toEqual({ errno: 0 });
    expect(decodeOutcome({ type: 3, flags: 0, sequence: 1, body: bytes("00000000") })).toEqual({ errno: 0 });
    const refusal = bytes("feffffff minus 2", "0700 length 7", "0100 NLMSGERR_ATTR_MSG", "6e6f00 text", "00 padding");
    expect(decodeOutcome({ type: 3, flags: Flag.ackAttributes, sequence: 1, body: refusal })).toEqual({
      errno: 2,
      explanation: "no",
    });
  });
});
