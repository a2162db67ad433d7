import { MacAddress } from "@holdfast/core";
import { describe, expect, test } from "vitest";

import { bytes } from "../testing/annotated-bytes.ts";
import { concatenate } from "./attributes.ts";
import { createVethRequest, decodeLink, setLinkRequest } from "./link.ts";

const mac = MacAddress.parse("02:00:0a:01:00:02");

describe("links", () => {
  test("are made as a pair, the other end in another namespace", () => {
    const request = createVethRequest({
      name: "h1",
      peer: "eth0",
      peerMac: mac,
      peerNamespace: 9,
      mtu: 1450,
      up: true,
    });
    expect(request).toMatchObject({ type: 16, flags: 0x0604 }); // RTM_NEWLINK, create | exclusive | ack
    expect(concatenate(request.body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "00000000 index", "01000000 IFF_UP", "01000000 to change",
        "0700 length 7", "0300 IFLA_IFNAME", "683100 h1", "00 padding",
        "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
        "0800 length 8", "1f00 IFLA_NUM_TX_QUEUES", "01000000 one", "0800 length 8", "2000 IFLA_NUM_RX_QUEUES", "01000000 one",
        "6000 length 96", "1280 IFLA_LINKINFO, nested",
        "0900 length 9", "0100 IFLA_INFO_KIND", "7665746800 veth", "000000 padding",
        "5000 length 80", "0280 IFLA_INFO_DATA, nested",
        "4c00 length 76", "0180 VETH_INFO_PEER, nested",
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "00000000 index", "00000000 flags", "00000000 to change",
        "0900 length 9", "0300 IFLA_IFNAME", "6574683000 eth0", "000000 padding",
        "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
        "0800 length 8", "1f00 IFLA_NUM_TX_QUEUES", "01000000 one", "0800 length 8", "2000 IFLA_NUM_RX_QUEUES", "01000000 one",
        "0a00 length 10", "0100 IFLA_ADDRESS", "02000a010002", "0000 padding",
        "0800 length 8", "1c00 IFLA_NET_NS_FD", "09000000 descriptor 9",
      ),
    );
  });

  test("are changed in what is named", () => {
    expect(concatenate(setLinkRequest({ index: 5, up: false, alias: "hf", master: 0 }).body)).toEqual(
      // biome-ignore format: one struct a line
      bytes(
        "00 AF_UNSPEC", "00 padding", "0000 hardware type", "05000000 index", "00000000 not IFF_UP", "01000000 IFF_UP changes",
        "0600 length 6", "1400 IFLA_IFALIAS", "6866 hf, no zero byte", "0000 padding",
        "0800 length 8", "0a00 IFLA_MASTER", "00000000 none",
      ),
    );
    expect(concatenate(setLinkRequest({ index: 5, alias: "" }).body)).toEqual(
      bytes(
        "0000000005000000 index",
        "00000000 flags",
        "00000000 nothing to change",
        "0400 length 4",
        "1400 IFLA_IFALIAS",
      ),
    );
  });

  test("are read with kind, peer, master and alias", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "00 AF_UNSPEC", "00 padding", "0100 ARPHRD_ETHER", "07000000 index", "43100100 up, lower up", "00000000 changed",
      "0700 length 7", "0300 IFLA_IFNAME", "683100 h1", "00 padding",
      "0800 length 8", "0400 IFLA_MTU", "aa050000 1450",
      "0a00 length 10", "0100 IFLA_ADDRESS", "02000a010002", "0000 padding",
      "0800 length 8", "0500 IFLA_LINK", "02000000 peer 2",
      "0800 length 8", "0a00 IFLA_MASTER", "04000000 master 4",
      "0800 length 8", "2500 IFLA_LINK_NETNSID", "00000000 id 0",
      "0700 length 7", "1400 IFLA_IFALIAS", "686600 hf", "00 padding",
      "1000 length 16", "1280 IFLA_LINKINFO", "0900 length 9", "0100 IFLA_INFO_KIND", "7665746800 veth", "000000 padding",
    );
    const link = { index: 7, name: "h1", kind: "veth", mac, mtu: 1450, up: true, carrier: true };
    expect(decodeLink(body)).toEqual({
      family: 0,
      peerNamespaceId: 0,
      link: { ...link, peer: 2, master: 4, alias: "hf" },
    });
  });

  test("without Ethernet have no MAC, and only a veth has a peer", () => {
    // biome-ignore format: one struct a line
    const body = bytes(
      "0000", "0403 ARPHRD_LOOPBACK", "01000000 index", "09000000 up, loopback", "00000000 changed",
      "0a00 length 10", "0100 IFLA_ADDRESS", "000000000000", "0000 padding",
      "0800 length 8", "0500 IFLA_LINK", "02000000 parent 2",
    );
    expect(decodeLink(body).link).toEqual({ index: 1, name: "", mtu: 0, up: true, carrier: false });
  });
});
