import { IpAddress, MacAddress } from "@holdfast/core";
import { createByteWriter } from "./byte-writer.ts";

/** Packets from the outside in: `ethernet({}, ipv4({ protocol: 6 }, tcp({})))`. Checksums are 0: nobody who samples looks at them. */
export interface EthernetPlan {
  readonly source?: string;
  readonly destination?: string;
  readonly type?: number;
  /** Tags, outermost first. */
  readonly tags?: readonly { readonly type?: number; readonly control: number }[];
}

export function ethernet(plan: EthernetPlan, payload: Uint8Array): Uint8Array {
  const { source = "02:00:00:00:00:01", destination = "02:00:00:00:00:02", type = 0x0800, tags = [] } = plan;
  const writer = createByteWriter();
  for (const mac of [destination, source]) writer.bytes(MacAddress.toBytes(MacAddress.parse(mac)));
  for (const tag of tags) writer.u16(tag.type ?? 0x8100, tag.control);
  return writer.u16(type).bytes(payload).finish();
}

export interface Ipv4Plan {
  readonly source?: string;
  readonly destination?: string;
  readonly protocol?: number;
  readonly tos?: number;
  readonly ttl?: number;
  readonly identification?: number;
  /** Flags and fragment offset. */
  readonly fragment?: number;
  readonly options?: Uint8Array;
  /** Absent: as long as it is. */
  readonly length?: number;
}

export function ipv4(plan: Ipv4Plan, payload: Uint8Array): Uint8Array {
  const { source = "10.0.0.1", destination = "10.0.0.2", protocol = 6, options = new Uint8Array() } = plan;
  const head = 20 + options.length;
  return createByteWriter()
    .u8(0x40 + head / 4, plan.tos ?? 0)
    .u16(plan.length ?? head + payload.length, plan.identification ?? 0, plan.fragment ?? 0)
    .u8(plan.ttl ?? 64, protocol)
    .u16(0)
    .bytes(addressBytes(source))
    .bytes(addressBytes(destination))
    .bytes(options)
    .bytes(payload)
    .finish();
}

export interface Ipv6Plan {
  readonly source?: string;
  readonly destination?: string;
  readonly next?: number;
  readonly trafficClass?: number;
  readonly flowLabel?: number;
  readonly hopLimit?: number;
}

export function ipv6(plan: Ipv6Plan, payload: Uint8Array): Uint8Array {
  const { source = "fd00::1", destination = "fd00::2", next = 6, trafficClass = 0, flowLabel = 0 } = plan;
  return createByteWriter()
    .u32(0x6000_0000 + trafficClass * 2 ** 20 + flowLabel)
    .u16(payload.length)
    .u8(next, plan.hopLimit ?? 64)
    .bytes(addressBytes(source))
    .bytes(addressBytes(destination))
    .bytes(payload)
    .finish();
}

/** An extension header of `8 * (length + 1)` bytes that says what comes next. */
export function extension(next: number, payload: Uint8Array, length = 0): Uint8Array {
  return createByteWriter()
    .u8(next, length)
    .bytes(new Uint8Array(8 * (length + 1) - 2))
    .bytes(payload)
    .finish();
}

export function tcp({ source = 40_000, destination = 80, flags = 0x10 } = {}): Uint8Array {
  return createByteWriter().u16(source, destination).u32(0, 0).u8(0x50, flags).u16(0, 0, 0).finish();
}

export function udp({ source = 40_000, destination = 53 } = {}, payload: Uint8Array = new Uint8Array()): Uint8Array {
  return createByteWriter()
    .u16(source, destination, 8 + payload.length, 0)
    .bytes(payload)
    .finish();
}

export function vxlan(vni: number, payload: Uint8Array): Uint8Array {
  return createByteWriter()
    .u32(0x0800_0000, vni * 256)
    .bytes(payload)
    .finish();
}

export function geneve(vni: number, payload: Uint8Array, options: Uint8Array = new Uint8Array()): Uint8Array {
  return createByteWriter()
    .u8(options.length / 4, 0)
    .u16(0x6558)
    .u32(vni * 256)
    .bytes(options)
    .bytes(payload)
    .finish();
}

function addressBytes(text: string): Uint8Array {
  return IpAddress.toBytes(IpAddress.parse(text));
}
