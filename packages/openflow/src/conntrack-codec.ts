import { IpAddress } from "@holdfast/core";
import { FIELDS } from "./fields.ts";
import type { Action } from "./flow.ts";
import { ActionType, NICIRA, NiciraAction } from "./protocol.ts";
import type { ByteReader, ByteWriter } from "./wire.ts";

type Translation = Extract<Action, { kind: "translate" }>;

/** NX_CT_F_COMMIT. */
const COMMIT = 1;
/** NX_CT_RECIRC_NONE: the packet goes on where it is. */
const NO_TABLE = 0xff;
/** NX_NAT_F_DST. */
const TO_DESTINATION = 2;
/** NX_NAT_RANGE_IPV4_MIN. */
const ONE_IPV4 = 1;
/** Bytes of `struct nx_action_conntrack`. */
const CONNTRACK = 24;

/** The fixed part of `struct nx_action_conntrack` (ofp-actions.c of Open vSwitch). */
interface Conntrack {
  readonly flags: number;
  /** Header of the field that has the zone; 0: the zone is the next member, else that is the bits of the field. */
  readonly zoneSource: number;
  readonly zone: number;
  readonly table: number;
}

/** Of all 16 bits of the field, from the first: `ofs_nbits`. */
const ALL_BITS = 15;

/** Remembers a connection in the zone that it was looked up in. */
const COMMIT_IN_ZONE: Conntrack = {
  flags: COMMIT,
  zoneSource: FIELDS.ct_zone.header,
  zone: ALL_BITS,
  table: NO_TABLE,
};

/** `bytes`: those of the actions in it. */
export function writeConntrack(writer: ByteWriter, { flags, zoneSource, zone, table }: Conntrack, bytes = 0): void {
  writer.u16(ActionType.experimenter).u16(CONNTRACK + bytes);
  writer.u32(NICIRA).u16(NiciraAction.conntrack);
  writer.u16(flags).u32(zoneSource).u16(zone).u8(table).zeros(3).u16(0);
}

/** Bytes of an OFPAT_SET_FIELD of the mark. */
const SET_MARK = 16;

/** With the mark as one action in it. */
export function writeCommit(writer: ByteWriter, { mark }: Extract<Action, { kind: "commit" }>): void {
  writeConntrack(writer, COMMIT_IN_ZONE, mark === undefined ? 0 : SET_MARK);
  if (mark === undefined) return;
  writer.u16(ActionType.setField).u16(SET_MARK).u32(FIELDS.ct_mark.header).u32(mark).zeros(4);
}

/** With one `nx_action_nat` in it. */
export function writeTranslation(writer: ByteWriter, { zone, table, destination }: Translation): void {
  const given = destination !== undefined;
  const bytes = given ? 24 : 16;
  writeConntrack(writer, { flags: given ? COMMIT : 0, zoneSource: 0, zone, table }, bytes);
  writer.u16(ActionType.experimenter).u16(bytes);
  writer.u32(NICIRA).u16(NiciraAction.nat).zeros(2);
  writer.u16(given ? TO_DESTINATION : 0).u16(given ? ONE_IPV4 : 0);
  if (given) writer.wide(IpAddress.toBigInt(destination), 4).zeros(4);
}

/** Behind the subtype; undefined when it does what no action of ours does. */
export function readConntrack(reader: ByteReader): Action | undefined {
  const flags = reader.u16();
  const zoneSource = reader.u32();
  const zone = reader.u16();
  const table = reader.u8();
  reader.skip(3);
  // Helpers (ALG).
  if (reader.u16() !== 0) return undefined;
  const read = { flags, zoneSource, zone, table };
  if (isSame(read, COMMIT_IN_ZONE)) return readCommit(reader);
  if (reader.remaining > 0) return zoneSource === 0 ? readTranslation(read, reader) : undefined;
  return flags === 0 && zoneSource === 0 && table !== NO_TABLE ? { kind: "track", zone, table } : undefined;
}

function isSame(a: Conntrack, b: Conntrack): boolean {
  return a.flags === b.flags && a.zoneSource === b.zoneSource && a.zone === b.zone && a.table === b.table;
}

function readCommit(reader: ByteReader): Action | undefined {
  if (reader.remaining === 0) return { kind: "commit" };
  if (reader.remaining !== SET_MARK || reader.u16() !== ActionType.setField || reader.u16() !== SET_MARK)
    return undefined;
  return reader.u32() === FIELDS.ct_mark.header ? { kind: "commit", mark: reader.u32() } : undefined;
}

function readTranslation({ flags, zone, table }: Conntrack, reader: ByteReader): Translation | undefined {
  if (reader.remaining < 16) return undefined;
  if (reader.u16() !== ActionType.experimenter || reader.u16() !== reader.remaining + 4) return undefined;
  if (reader.u32() !== NICIRA || reader.u16() !== NiciraAction.nat) return undefined;
  reader.skip(2);
  const [direction, range] = [reader.u16(), reader.u16()];
  if (flags === 0 && direction === 0 && range === 0) return { kind: "translate", zone, table };
  if (flags !== COMMIT || direction !== TO_DESTINATION || range !== ONE_IPV4) return undefined;
  return { kind: "translate", zone, table, destination: IpAddress.fromBigInt("v4", reader.wide(4)) };
}
