import { RecordingLogger } from "@holdfast/core/testing";
import type { PacketIn } from "@holdfast/openflow";
import { describe, expect, test } from "vitest";
import { frameText } from "./frame-text.ts";
import { createRuleLog } from "./rule-log.ts";

const frame = (hex: string) => Uint8Array.from(Buffer.from(`${"00".repeat(14)}${hex.replaceAll(" ", "")}`, "hex"));
const V4 = (protocol: string, rest: string, fragment = "0000") =>
  `4500 003c 0001 ${fragment} 40 ${protocol} 0000 0a140006 0a140005 ${rest}`;
const V6 = (next: string, rest: string) =>
  `60000000 0014 ${next} 40 fd000020000000000000000000000006 fd000020000000000000000000000005 ${rest}`;

describe("a frame in the log", () => {
  test.each([
    [V4("06", "9c40 0050 00000000"), "SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=TCP SPT=40000 DPT=80"],
    [V4("01", "0800 0000"), "SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=ICMP TYPE=8 CODE=0"],
    [V4("11", "9c40 0050", "0010"), "SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=UDP"],
    [V4("2f", "9c40 0050"), "SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=47"],
    [V6("11", "9c40 0035"), "SRC=fd00:20::6 DST=fd00:20::5 LEN=60 PROTO=UDP SPT=40000 DPT=53"],
    [V6("3a", "80"), "SRC=fd00:20::6 DST=fd00:20::5 LEN=60 PROTO=ICMPv6"],
    ["4500", "LEN=2"],
    ["", "LEN=0"],
  ])("%s is %s", (hex, text) => {
    expect(frameText(frame(hex))).toBe(text);
  });
});

describe("a rule's log", () => {
  const named = (number: bigint) => (number === 0x7_0000_0009n ? [{ rule: "rule/default/web/ingress/ssh" }] : []);
  const packet = (registers: PacketIn["match"]["registers"]): PacketIn => {
    return {
      cookie: 0n,
      frame: frame(V4("06", "9c40 0016 00000000")),
      match: { inPort: 1001, registers: registers ?? {} },
    };
  };
  const text = "SRC=10.20.0.6 DST=10.20.0.5 LEN=60 PROTO=TCP SPT=40000 DPT=22";

  test("names the link that the packet comes from, or that it goes to when that end's policy decides", () => {
    const lines: string[] = [];
    const write = async (line: string) => void lines.push(line);
    const linkName = (port: number) => `hfp${port}`;
    const hear = createRuleLog({ write, logger: new RecordingLogger(), named, linkName });
    hear(packet({ reg14: 7, reg15: 9 }));
    hear(packet({ reg14: 7, reg15: 9, reg3: 1000 }));
    hear(packet({ reg14: 7 }));
    expect(lines).toEqual([
      `rule/default/web/ingress/ssh IN=hfp1001 OUT= ${text}`,
      `rule/default/web/ingress/ssh IN= OUT=hfp1000 ${text}`,
    ]);
  });

  test("goes into the agent's where nobody may write into the kernel's", async () => {
    const logger = new RecordingLogger();
    const write = () => Promise.reject(new Error("EPERM"));
    createRuleLog({ write, logger, named, linkName: String })(packet({ reg14: 7, reg15: 9 }));
    await Promise.resolve();
    await Promise.resolve();
    expect(JSON.stringify(logger.events)).toContain(text);
  });
});
