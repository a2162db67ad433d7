import { describe, expect, test } from "vitest";
import { joined } from "../testing/capture-file.ts";
import { ethernet, ipv4, ipv6, udp } from "../testing/packets.ts";
import { createUdpFinder } from "./udp.ts";

const payload = Uint8Array.of(1, 2, 3, 4, 5);
const datagram = udp({ source: 1234, destination: 6343 }, payload);
const packet = ipv4({ source: "10.9.8.7", protocol: 17 }, datagram);
const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "hex"));

function find(bytes: Uint8Array, linkType = 1, originalLength = bytes.length, port = 6343) {
  const found = createUdpFinder(port)({ linkType, bytes, originalLength, offset: 0 });
  if (found.kind !== "datagram") return found.kind;
  const { payload: view, source, sourcePort } = found;
  return { source, sourcePort, payload: new Uint8Array(view.buffer, view.byteOffset, view.byteLength) };
}

describe("a datagram", () => {
  test.each([
    { name: "Ethernet", linkType: 1, bytes: ethernet({ tags: [{ control: 5 }] }, packet) },
    { name: "Ethernet with padding", linkType: 1, bytes: joined(ethernet({}, packet), new Uint8Array(20)) },
    { name: "Linux cooked", linkType: 113, bytes: joined(new Uint8Array(14), hex("0800"), packet) },
    { name: "Linux cooked, version 2", linkType: 276, bytes: joined(hex("0800"), new Uint8Array(18), packet) },
    { name: "raw IP", linkType: 101, bytes: packet },
    { name: "raw IPv4", linkType: 228, bytes: packet },
    { name: "BSD loopback", linkType: 0, bytes: joined(hex("02000000"), packet) },
  ])("is found on $name", ({ linkType, bytes }) => {
    expect(find(bytes, linkType)).toEqual({ source: "10.9.8.7", sourcePort: 1234, payload });
  });

  test.each([101, 229])("is found in raw IPv6 (link type %i)", (linkType) => {
    const bytes = ipv6({ source: "fd00::7", next: 17 }, datagram);
    expect(find(bytes, linkType)).toEqual({ source: "fd00::7", sourcePort: 1234, payload });
  });

  test.each([4789, 6081, 8472])("is found at port %i, where tunnels are in other captures", (port) => {
    for (const first of [0, 0x08]) {
      const own = Uint8Array.of(first, 0, 0x65, 0x58, 0, 0, 0, 1, ...ethernet({}, packet));
      const bytes = ethernet(
        {},
        ipv4({ source: "10.9.8.7", protocol: 17 }, udp({ source: 1234, destination: port }, own)),
      );
      expect(find(bytes, 1, bytes.length, port)).toEqual({ source: "10.9.8.7", sourcePort: 1234, payload: own });
    }
  });

  test("that the capture cut short is told as that", () => {
    const bytes = ethernet({}, packet);
    expect(find(bytes.subarray(0, -1), 1, bytes.length)).toBe("cut");
  });

  test("that was sent in pieces is told as fragments, the first one and the others", () => {
    const first = ipv4({ protocol: 17, fragment: 0x2000 }, datagram.subarray(0, 8));
    expect(find(ethernet({}, first))).toBe("fragment");
    expect(find(ethernet({}, ipv4({ protocol: 17, fragment: 1 }, payload)))).toBe("fragment");
  });

  test.each([
    {
      name: "to another port",
      bytes: ethernet({}, ipv4({ protocol: 17 }, udp({ destination: 53 }, payload))),
      linkType: 1,
    },
    { name: "of TCP", bytes: ethernet({}, ipv4({ protocol: 6 }, datagram)), linkType: 1 },
    { name: "on a link that nobody knows", bytes: ethernet({}, packet), linkType: 147 },
    { name: "of nothing", bytes: new Uint8Array(), linkType: 276 },
  ])("$name is none", ({ bytes, linkType }) => {
    expect(find(bytes, linkType)).toBe("other");
  });
});
