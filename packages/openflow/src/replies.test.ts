import { describe, expect, test } from "vitest";
import { formatFlow } from "./format.ts";
import { addFlow } from "./messages.ts";
import { Deframer, readErrorName, readFlowStats, readMultipart, readPorts } from "./replies.ts";
import { ByteReader } from "./wire.ts";

const hex = (...groups: readonly string[]): Buffer => Buffer.from(groups.join("").replaceAll(" ", ""), "hex");

describe("messages from the switch", () => {
  test("are cut out of the stream wherever its chunks end", () => {
    const stream = hex(
      "05 03 000a 00000001 abcd", // echo reply with 2 bytes
      "05 15 0008 00000002", // barrier reply
      "05 03 0009 00000003 ff", // echo reply with 1 byte
    );
    for (let cut = 0; cut <= stream.length; cut++) {
      const deframer = new Deframer();
      const replies = [...deframer.push(stream.subarray(0, cut)), ...deframer.push(stream.subarray(cut))];
      expect(replies.map(({ type, xid, body }) => [type, xid, body.toString("hex")])).toEqual([
        [3, 1, "abcd"],
        [21, 2, ""],
        [3, 3, "ff"],
      ]);
    }
  });

  test("with a length that cannot be end the stream", () => {
    expect(() => new Deframer().push(hex("05 03 0007 00000001"))).toThrow("has 8 bytes or more, not 7");
  });

  test("errors have the names that ovs-ofctl prints", () => {
    expect(readErrorName(hex("0004 0009"))).toBe("OFPBMC_BAD_PREREQ");
    expect(readErrorName(hex("0011 000d"))).toBe("OFPBFC_MSG_FAILED");
    expect(readErrorName(hex("ffff 000d 00002320"))).toBe("NXFMFC_BAD_TABLE_ID");
    expect(readErrorName(hex("ffff 0001 00004711"))).toBe("experimenter error 1");
    expect(readErrorName(hex("0006 0003"))).toBe("OFPET_6/3");
  });

  test("a dump says whether more parts follow", () => {
    expect(readMultipart(hex("0001 0001 00000000")).more).toBe(true);
    expect(readMultipart(hex("0001 0000 00000000")).more).toBe(false);
  });

  test("flows and counters are read", () => {
    const flows = readFlowStats(
      new ByteReader(
        hex(
          "0058 02 00", // 88 bytes, table 2, pad
          "00000001 00000002", // age: 1 s, 2 ns
          "0064", // priority 100
          "0000 0000 0000 0000 0000", // timeouts, flags, importance, pad
          "0000000000000102", // cookie
          "0000000000000007 00000000000001a4", // 7 packets, 420 bytes
          "0001 000c 80000004 00000003 00000000", // OFPMT_OXM, 12 bytes: OXM_OF_IN_PORT 3; pad
          "0004 0018 00000000", // OFPIT_APPLY_ACTIONS, 24 bytes
          "0000 0010 fffffff8 0000 000000000000", // OFPAT_OUTPUT to OFPP_IN_PORT
        ),
      ),
    );
    expect(flows).toEqual([
      {
        flow: {
          table: 2,
          priority: 100,
          cookie: 0x102n,
          match: { inPort: 3 },
          actions: [{ kind: "output-in-port" }],
        },
        packets: 7n,
        bytes: 420n,
      },
    ]);
  });

  test("what no member can say is kept as it came, shown, and sent back the same", () => {
    const match = hex(
      "0001 0018", // OFPMT_OXM, 24 bytes
      "80000004 00000003", // OXM_OF_IN_PORT 3
      "0001d508 00000020 00000020", // NXM_NX_CT_ZONE as if it had 32 bits, with a mask
    );
    const instructions = hex(
      "0004 0020 00000000", // OFPIT_APPLY_ACTIONS, 32 bytes
      "ffff 0010 00002320 002b 0000 00000000", // NXAST_CT_CLEAR
      "0011 0008 88a8 0000", // OFPAT_PUSH_VLAN of a service tag
      "0001 0008 05 000000", // OFPIT_GOTO_TABLE 5
    );
    const fixed = hex(
      "0070 00 00 00000000 00000000 0005", // 112 bytes, table 0, age, priority 5
      "0000 0000 0000 0000 0000",
      "0000000000000000 0000000000000000 0000000000000000",
    );
    const [observed] = readFlowStats(new ByteReader(Buffer.concat([fixed, match, instructions])));
    expect(observed?.flow).toEqual({
      table: 0,
      priority: 5,
      cookie: 0n,
      match: { inPort: 3, opaque: "0001d5080000002000000020" },
      actions: [
        { kind: "opaque", layer: "action", bytes: "ffff001000002320002b000000000000" },
        { kind: "opaque", layer: "action", bytes: "0011000888a80000" },
        { kind: "opaque", layer: "instruction", bytes: "0001000805000000" },
      ],
    });
    if (observed === undefined) return;
    expect(addFlow(observed.flow).subarray(48).toString("hex")).toBe(
      Buffer.concat([match, instructions]).toString("hex"),
    );
    expect(formatFlow(observed.flow)).toBe(
      "priority=5,in_port=3,oxm=0x0001d5080000002000000020 actions=action(0xffff001000002320002b000000000000)," +
        "action(0x0011000888a80000),instruction(0x0001000805000000)",
    );
  });

  test("ports are read with their numbers and names", () => {
    const part = hex(
      "fffffffe 0048 0000", // OFPP_LOCAL, 72 bytes, pad
      "020000000001 0000", // MAC, pad
      "6272300000000000 0000000000000000", // "br0"
      "00000001 00000001", // config, state
      "0000 0020 00000000 00000000 00000000 00000000 00000000 00000000 00000000", // Ethernet property
    );
    expect(readPorts(new ByteReader(part))).toEqual([{ number: 0xffff_fffe, name: "br0" }]);
  });

  test("a message that ends inside a field is an error, not a guess", () => {
    expect(() => readFlowStats(new ByteReader(hex("0058 02 00 0000")))).toThrow("ends after");
  });
});
