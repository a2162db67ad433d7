import { describe, expect, test } from "vitest";
import { counterLayouts } from "../records/counter-layouts.ts";
import { createSflowDecoder } from "../sflow/decoder.ts";
import { encodeDatagram, encodeFields, encodeSample } from "../testing/encoder.ts";
import { exampleFields } from "../testing/example-fields.ts";
import { createInterfaceCounters } from "./interface-counters.ts";

const layout = (name: string) => {
  const found = counterLayouts.find((one) => one.name === name);
  if (found === undefined) throw new TypeError(name);
  return found;
};

/** As Open vSwitch tells them: all packets as unicast, and no broadcasts. */
const fields = (count: number) => ({
  ...exampleFields(layout("if_counters")),
  ifIndex: 7,
  ifInOctets: BigInt(count * 1000),
  ifInUcastPkts: count,
  ifInMulticastPkts: count / 2,
  ifInBroadcastPkts: null,
  ifInDiscards: count / 5,
  ifInErrors: 0,
  ifOutOctets: 2n ** 40n,
  ifOutUcastPkts: null,
  ifOutDiscards: null,
});

function datagram(sequence: number, count: number, name = "hfp1000"): Uint8Array {
  const records = [encodeFields(layout("if_counters"), fields(count)), encodeFields(layout("port_name"), { name })];
  const samples = [encodeSample({ format: 2, sequence, records })];
  return encodeDatagram({ agent: "10.9.9.1", sequence, uptimeMs: sequence * 30_000, samples });
}

function follow(ownerOf: (ifIndex: number) => number = (ifIndex) => ifIndex - 4) {
  const decoder = createSflowDecoder();
  const counters = createInterfaceCounters(ownerOf);
  return (bytes: Uint8Array) => {
    expect(decoder.decode(new DataView(bytes.buffer), bytes.byteOffset, bytes.byteOffset + bytes.length)).toBe(true);
    counters.take(decoder.datagram, 99);
    return counters.drain();
  };
}

describe("counters of interfaces", () => {
  test("are told once for each interface, however many samples came", () => {
    const decoder = createSflowDecoder();
    const counters = createInterfaceCounters((ifIndex) => ifIndex - 4);
    for (let sequence = 1; sequence <= 1000; sequence++) {
      const bytes = datagram(sequence, sequence * 10);
      decoder.decode(new DataView(bytes.buffer), bytes.byteOffset, bytes.byteOffset + bytes.length);
      counters.take(decoder.datagram, sequence);
    }
    const received = { bytes: 9_990_000, packets: 9990, drops: 1998, errors: 0 };
    expect(counters.drain()).toMatchObject([{ at: 1000, milliseconds: 999 * 30_000, received }]);
    expect(counters.drain()).toEqual([]);
  });

  test("grow between two samples, with the port's name and whose it is", () => {
    const take = follow();
    expect(take(datagram(1, 10))).toEqual([]);
    expect(take(datagram(2, 110))).toEqual([
      {
        agent: "10.9.9.1",
        ifIndex: 7,
        name: "hfp1000",
        owner: 3,
        at: 99,
        milliseconds: 30_000,
        received: { bytes: 100_000, packets: 100, drops: 20, errors: 0 },
        sent: expect.objectContaining({ bytes: 0 }),
      },
    ]);
  });

  test("have no name that would do something to a terminal", () => {
    const take = follow();
    take(datagram(1, 10));
    const [grown] = take(datagram(2, 20, `\u001b[2Jeth${"0".repeat(100)}`));
    expect(grown?.name).toBe(`?[2Jeth${"0".repeat(57)}`);
  });

  test("have no spike when an exporter or an interface begins anew, and tell nothing twice", () => {
    const take = follow(() => -1);
    take(datagram(1, 1000));
    expect(take(datagram(2, 10))).toEqual([]);
    expect(take(datagram(3, 30))).toMatchObject([{ received: { packets: 20 } }]);
    expect(take(datagram(3, 30))).toEqual([]);
    expect(take(datagram(1, 5000))).toEqual([]);
    expect(take(datagram(2, 5010))[0]).toMatchObject({ received: { packets: 10 } });
    expect(take(datagram(3, 5010))[0]).not.toHaveProperty("owner");
  });
});
