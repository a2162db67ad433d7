import { IpAddress, MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";
import { announcementFrames } from "./announcement.ts";
import { probeFrame, probingMac, readWitness } from "./conflict-frames.ts";

const MAC = MacAddress.parse("0e:01:02:03:04:05");
const OTHER = MacAddress.parse("52:54:00:00:00:09");
const v4 = IpAddress.parse("10.20.0.9");
const v6 = IpAddress.parse("fd00:20::12:3456");

function hex(frame: Uint8Array): string {
  return Buffer.from(frame).toString("hex");
}

describe("a question for an address", () => {
  test("over IPv4 is a request that names no sender, so that it enters no table", () => {
    const parts = [
      "ffffffffffff",
      "0e0102030405",
      "0806",
      "0001080006040001",
      "0e010203040500000000",
      "0000000000000a140009",
    ];
    expect(hex(probeFrame(MAC, v4))).toBe(parts.join(""));
  });

  test("over IPv6 is a solicitation from nobody to the address's group, with a right checksum", () => {
    const text = hex(probeFrame(MAC, v6));
    // To the group's MAC, from MAC; IPv6, 24 bytes of ICMPv6, hop limit 255, from :: to ff02::1:ff12:3456.
    expect(text.slice(0, 28)).toBe("3333ff1234560e010203040586dd");
    expect(text.slice(28, 44)).toBe("6000000000183aff");
    expect(text.slice(44, 108)).toBe("00000000000000000000000000000000ff0200000000000000000001ff123456");
    expect(text.slice(108, 112)).toBe("8700");
    expect(text.slice(116)).toBe("00000000fd000020000000000000000000123456");
    const sum = [...Buffer.from(text.slice(44), "hex")].reduce(
      (all, byte, index) => all + (index % 2 === 0 ? byte << 8 : byte),
      24 + 58,
    );
    expect(((sum & 0xffff) + (sum >> 16)) % 0xffff).toBe(0);
  });

  test("comes from a MAC that is the node's own, unicast and locally administered, and the same every time", () => {
    expect(probingMac("h1")).toBe(probingMac("h1"));
    expect(probingMac("h1")).not.toBe(probingMac("h2"));
    expect(MacAddress.toBytes(probingMac("h1"))[0]).toBe(0x0e);
  });
});

describe("that somebody has an address", () => {
  test.each([
    ["gratuitous ARP, and any ARP from it", announcementFrames(OTHER, [v4])[0], v4],
    ["an ARP reply", announcementFrames(OTHER, [v4])[1], v4],
    ["another one's ARP probe for it", probeFrame(OTHER, v4), v4],
    ["an advertisement", announcementFrames(OTHER, [v6])[0], v6],
    ["another one's duplicate address detection", probeFrame(OTHER, v6), v6],
  ])("is said by %s", (_, frame, address) => {
    expect(readWitness(frame ?? new Uint8Array())).toEqual({ address, mac: OTHER });
  });

  test("is told of the MAC that an advertisement names, not of the one that sent it", () => {
    const frame = Uint8Array.from(announcementFrames(OTHER, [v6])[0] ?? []);
    frame.set(MacAddress.toBytes(MAC), 6);
    expect(readWitness(frame)?.mac).toBe(OTHER);
  });

  test.each([
    ["nothing", new Uint8Array()],
    ["half an ARP", probeFrame(OTHER, v4).subarray(0, 30)],
    ["half a solicitation", probeFrame(OTHER, v6).subarray(0, 60)],
    ["another protocol", Uint8Array.from({ length: 90 }, () => 8)],
  ])("is not said by %s", (_, frame) => {
    expect(readWitness(frame)).toBeUndefined();
  });
});
