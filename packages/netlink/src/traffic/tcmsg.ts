import { LITTLE_ENDIAN, viewOf } from "../codec/attributes.ts";

/** Of linux/rtnetlink.h. */
export const TrafficMessage = {
  newQdisc: 36,
  deleteQdisc: 37,
  getQdisc: 38,
  newClass: 40,
  deleteClass: 41,
  getClass: 42,
  newFilter: 44,
  deleteFilter: 45,
  getFilter: 46,
} as const;
/** Attributes of linux/rtnetlink.h (TCA_…), of each of these messages. */
export const Attribute = { kind: 1, options: 2 } as const;
export const TCMSG_LENGTH = 20;

/** struct tcmsg, with which each of them begins: family u8, padding of 3, link index i32, handle u32, parent u32, info u32. */
export function tcmsg(index: number, handle: number, parent: number, info = 0): Uint8Array {
  const bytes = new Uint8Array(TCMSG_LENGTH);
  const view = viewOf(bytes);
  view.setInt32(4, index, LITTLE_ENDIAN);
  view.setUint32(8, handle, LITTLE_ENDIAN);
  view.setUint32(12, parent, LITTLE_ENDIAN);
  view.setUint32(16, info, LITTLE_ENDIAN);
  return bytes;
}
