import { describe, expect, test } from "vitest";
import { concatenate } from "../codec/attributes.ts";
import { bytes } from "../testing/annotated-bytes.ts";
import { decodeClass, decodeQdisc, deleteClassRequest, setClassRequest, setQdiscRequest } from "./codec.ts";

const NO_RATE = "000000000000000000000000 no struct tc_ratespec";

describe("queueing disciplines", () => {
  test("are written and read: a token bucket", () => {
    const qdisc = { handle: 0x4846, kind: "tbf", rate: 100_000_000, burst: 65_536, limit: 312_500 } as const;
    // biome-ignore format: one struct a line
    const encoded = bytes(
      "00000000 family, padding", "07000000 index", "00004648 handle 4846:", "ffffffff TC_H_ROOT", "00000000 info",
      "0800 length 8", "0100 TCA_KIND", "74626600 tbf",
      "3400 length 52", "0280 TCA_OPTIONS, nested",
      "2800 length 40", "0100 TCA_TBF_PARMS",
      "00 cell log", "01 TC_LINKLAYER_ETHERNET", "0000 overhead", "0000 cell align", "0000 mpu", "20bcbe00 12500000 bytes/s",
      NO_RATE, "b4c40400 limit 312500", "00400100 burst, ticks of 64 ns: 81920", "00000000 mtu",
      "0800 length 8", "0600 TCA_TBF_BURST", "00000100 65536",
    );
    const request = setQdiscRequest(7, qdisc);
    expect(concatenate(request.body)).toEqual(encoded);
    expect([request.type, request.flags]).toEqual([36, 0x504]);
    expect(decodeQdisc(encoded)).toEqual(qdisc);
  });

  test("say rates that are too large for 32 bits a second time", () => {
    const qdisc = { handle: 1, kind: "tbf", rate: 400e9, burst: 2_500_000, limit: 5_000_000 } as const;
    expect(decodeQdisc(concatenate(setQdiscRequest(7, qdisc).body))).toMatchObject({ rate: 400e9 });
  });

  test("are written and read: the others", () => {
    for (const qdisc of [
      { handle: 0x4846, kind: "htb", defaultMinor: 0x4800 },
      { handle: 2, parent: { qdisc: 0x4846, minor: 9 }, kind: "bfifo", limit: 131_072 },
      { handle: 2, parent: { qdisc: 0x4846, minor: 9 }, kind: "fq_codel" },
      { handle: 2, parent: { qdisc: 0x4846, minor: 9 }, kind: "fq_codel", memory: 131_072 },
    ] as const) {
      expect(decodeQdisc(concatenate(setQdiscRequest(7, qdisc).body))).toEqual(qdisc);
    }
  });

  test("of kinds that nobody here sets are left out", () => {
    const [head = new Uint8Array()] = setQdiscRequest(7, { handle: 1, kind: "fq_codel" }).body;
    const pfifo = bytes("0a00 length 10", "0100 TCA_KIND", "706669666f00 pfifo", "0000 padding");
    expect(decodeQdisc(concatenate([head, pfifo]))).toBeUndefined();
  });
});

describe("classes", () => {
  const root = {
    id: { qdisc: 0x4846, minor: 1 },
    rate: 1_000_000_000,
    ceiling: 1_000_000_000,
    burst: 25_000,
    ceilingBurst: 12_800,
  } as const;

  test("are written and read", () => {
    expect(decodeClass(concatenate(setClassRequest(7, root).body))).toEqual(root);
    const leaf = { ...root, id: { qdisc: 0x4846, minor: 9 }, parent: root.id, rate: 8_000_000, burst: 10_240 };
    expect(decodeClass(concatenate(setClassRequest(7, leaf).body))).toEqual(leaf);
  });

  test("are removed by their number", () => {
    expect(concatenate(deleteClassRequest(7, { qdisc: 0x4846, minor: 9 }).body)).toEqual(
      bytes("00000000 family", "07000000 index", "09004648 class 4846:9", "00000000 parent", "00000000 info"),
    );
  });
});
