import { IpAddress } from "@holdfast/core";
import type { Action } from "./flow.ts";
import { ActionType, NICIRA, NiciraAction } from "./protocol.ts";
import type { ByteReader, ByteWriter } from "./wire.ts";

type Translation = Extract<Action, { kind: "translate" }>;

/** NX_CT_F_COMMIT. */
const COMMIT = 1;
/** NX_NAT_F_DST. */
const TO_DESTINATION = 2;
/** NX_NAT_RANGE_IPV4_MIN. */
const ONE_IPV4 = 1;

/** `struct nx_action_conntrack` with one `nx_action_nat` in it (ofp-actions.c of Open vSwitch). */
export function writeTranslation(writer: ByteWriter, { zone, table, destination }: Translation): void {
  const given = destination !== undefined;
  writer.u16(ActionType.experimenter).u16(given ? 48 : 40);
  writer.u32(NICIRA).u16(NiciraAction.conntrack);
  writer.u16(given ? COMMIT : 0);
  writer.u32(0).u16(zone).u8(table).zeros(3).u16(0);
  writer.u16(ActionType.experimenter).u16(given ? 24 : 16);
  writer.u32(NICIRA).u16(NiciraAction.nat).zeros(2);
  writer.u16(given ? TO_DESTINATION : 0).u16(given ? ONE_IPV4 : 0);
  if (given) writer.wide(IpAddress.toBigInt(destination), 4).zeros(4);
}

/** Behind the subtype; undefined when it does anything else. */
export function readTranslation(reader: ByteReader): Translation | undefined {
  const flags = reader.u16();
  const zoneField = reader.u32();
  const zone = reader.u16();
  const table = reader.u8();
  reader.skip(3);
  const plain = zoneField === 0 && reader.u16() === 0 && reader.remaining >= 16;
  if (!plain || reader.u16() !== ActionType.experimenter || reader.u16() !== reader.remaining + 4) return undefined;
  if (reader.u32() !== NICIRA || reader.u16() !== NiciraAction.nat) return undefined;
  reader.skip(2);
  const [direction, range] = [reader.u16(), reader.u16()];
  if (flags === 0 && direction === 0 && range === 0) return { kind: "translate", zone, table };
  if (flags !== COMMIT || direction !== TO_DESTINATION || range !== ONE_IPV4) return undefined;
  return { kind: "translate", zone, table, destination: IpAddress.fromBigInt("v4", reader.wide(4)) };
}
