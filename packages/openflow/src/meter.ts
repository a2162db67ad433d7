import { DROP_BAND, MeterFlag } from "./protocol.ts";
import type { ByteReader, ByteWriter } from "./wire.ts";

/** What all flows that name it may pass together; what is above is dropped (OpenFlow 1.4 section 5.7). */
export interface Meter {
  /** From 1 on; Open vSwitch 3.1 in user space has 262,144. */
  readonly id: number;
  readonly unit: "kilobits" | "packets";
  /** In a second. Kilobits are 1000 bits of whole Ethernet frames; 0 only of a meter that is none of ours: one with other bands. */
  readonly rate: number;
  /** At once, kilobits or packets. */
  readonly burst: number;
}

/** As `ovs-ofctl -O OpenFlow14 dump-meters` prints it, e.g. `"meter=1000 kbps burst bands=type=drop rate=40000 burst_size=1024"`. */
export function formatMeter({ id, unit, rate, burst }: Meter): string {
  return `meter=${id} ${unit === "kilobits" ? "kbps" : "pktps"} burst bands=type=drop rate=${rate} burst_size=${burst}`;
}

/** What follows the command of an OFPT_METER_MOD (section 7.3.4.5): one band that drops. */
export function writeMeterBand(writer: ByteWriter, { id, unit, rate, burst }: Meter): void {
  writer.u16(MeterFlag[unit] | MeterFlag.burst).u32(id);
  writer.u16(DROP_BAND).u16(BAND).u32(rate).u32(burst).zeros(4);
}

/** Bytes of `struct ofp_meter_band_drop`. */
const BAND = 16;

/** The `ofp_meter_config` of one part (section 7.3.5.12). */
export function readMeters(part: ByteReader): Meter[] {
  const meters: Meter[] = [];
  while (part.remaining > 0) {
    const reader = part.slice(part.u16() - 2);
    const flags = reader.u16();
    const id = reader.u32();
    const unit = (flags & MeterFlag.packets) === 0 ? "kilobits" : "packets";
    meters.push({ id, unit, ...readBand(reader) });
  }
  return meters;
}

function readBand(reader: ByteReader): Pick<Meter, "rate" | "burst"> {
  const isOne = reader.remaining === BAND && reader.u16() === DROP_BAND;
  if (!isOne) return { rate: 0, burst: 0 };
  reader.skip(2);
  return { rate: reader.u32(), burst: reader.u32() };
}
