import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { announcementFrames, gatewayRequests, learningFrame } from "./announcement.ts";

const MAC = MacAddress.parse("02:07:0a:14:00:05");

function hex(frame: Uint8Array | undefined): string {
  return Buffer.from(frame ?? []).toString("hex");
}

describe("an announcement", () => {
  test("of an IPv4 address is gratuitous ARP as a request and as a reply", () => {
    const frames = announcementFrames(MAC, [IpAddress.parse("10.20.0.5")]);
    expect(frames.map(hex)).toEqual([
      // to all, from MAC, ARP: Ethernet IPv4 6 4 request, MAC 10.20.0.5, nobody 10.20.0.5
      ["ffffffffffff", "02070a140005", "0806", "0001080006040001", "02070a1400050a140005", "0000000000000a140005"].join(
        "",
      ),
      ["ffffffffffff", "02070a140005", "0806", "0001080006040002", "02070a1400050a140005", "02070a1400050a140005"].join(
        "",
      ),
    ]);
  });

  test("asks for the gateway in the endpoint's name, in IPv4 only", () => {
    const [address, gateway] = [IpAddress.parse("10.20.0.5"), IpAddress.parse("10.20.0.1")];
    const v6 = [IpAddress.parse("fd00:20::5"), IpAddress.parse("fd00:20::1")] as const;
    expect(gatewayRequests(MAC, [address, v6[0]], [gateway, v6[1]]).map(hex)).toEqual([
      ["ffffffffffff", "02070a140005", "0806", "0001080006040001", "02070a1400050a140005", "0000000000000a140001"].join(
        "",
      ),
    ]);
    expect(gatewayRequests(MAC, [v6[0]], [gateway])).toEqual([]);
  });

  test("of an IPv6 address is an unsolicited advertisement with a right checksum", () => {
    const [frame] = announcementFrames(MAC, [IpAddress.parse("fd00:20::5")]);
    const text = hex(frame);
    expect(text.slice(0, 28)).toBe("33330000000102070a14000586dd");
    // ICMPv6 136, flags override, target, option 2 with the MAC.
    expect(text).toMatch(
      /8800[0-9a-f]{4}20000000fd0000200000000000000000000000050201\x3002070a140005$|8800[0-9a-f]{4}20000000fd000020000000000000000000000005020102070a140005$/,
    );
    const packet = (frame ?? new Uint8Array()).subarray(14);
    const pseudo = [...packet.subarray(8, 40), 0, 0, 0, 32, 0, 0, 0, 58, ...packet.subarray(40)];
    let sum = 0;
    for (let index = 0; index < pseudo.length; index += 2)
      sum += ((pseudo[index] ?? 0) << 8) | (pseudo[index + 1] ?? 0);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    expect(sum).toBe(0xffff);
  });

  test("to switches goes to a group that was never used before", () => {
    const [one, two] = [learningFrame(MAC), learningFrame(MAC)];
    expect(hex(one).slice(12, 28)).toBe("02070a1400058035");
    expect(one[0]).toBe(0x03);
    expect(hex(one).slice(0, 12)).not.toBe(hex(two).slice(0, 12));
  });
});
