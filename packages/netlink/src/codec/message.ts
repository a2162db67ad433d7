import {
  type Attributes,
  align,
  copyInto,
  LITTLE_ENDIAN,
  lengthOf,
  parseAttributes,
  readText,
  viewOf,
  writeU16,
  writeU32,
} from "./attributes.ts";

/** struct nlmsghdr of linux/netlink.h: length u32, type u16, flags u16, sequence u32, port id u32. */
export const HEADER_LENGTH = 16;

/** Flags of nlmsghdr. */
export const Flag = {
  request: 0x1,
  ack: 0x4,
  /** In an answer: the table changed during the dump. */
  dumpInterrupted: 0x10,
  dump: 0x300,
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** Of an ack: the refused request is cut to its header. */
  capped: 0x100,
  /** Of an ack: attributes follow (extended ack). */
  ackAttributes: 0x200,
} as const;

export const MessageType = {
  error: 2,
  done: 3,
  overrun: 4,
  newLink: 16,
  deleteLink: 17,
  getLink: 18,
  setLink: 19,
  newAddress: 20,
  deleteAddress: 21,
  getAddress: 22,
  newRoute: 24,
  deleteRoute: 25,
  getRoute: 26,
  newNeighbour: 28,
  deleteNeighbour: 29,
  getNeighbour: 30,
  getNamespaceId: 90,
} as const;

/** A message without its header. */
export interface Request {
  readonly type: number;
  readonly flags: number;
  readonly body: readonly Uint8Array[];
}

export interface Message {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Of an answer and of an event: the socket that has asked, 0 for the kernel itself. */
  readonly portId?: number;
  readonly body: Uint8Array;
}

/** What an ack says: 0 is success. */
export interface Outcome {
  readonly errno: number;
  readonly explanation?: string;
}

export function encodeMessage({ type, flags, body }: Request, sequence: number): Uint8Array {
  const message = new Uint8Array(HEADER_LENGTH + lengthOf(body));
  writeU32(message, 0, message.length);
  writeU16(message, 4, type);
  writeU16(message, 6, flags | Flag.request);
  writeU32(message, 8, sequence);
  copyInto(message, HEADER_LENGTH, body);
  return message;
}

/** The messages of one datagram. A broken length ends the list: nothing after it can be trusted. */
export function decodeMessages(datagram: Uint8Array): Message[] {
  const messages: Message[] = [];
  const view = viewOf(datagram);
  for (let offset = 0; offset + HEADER_LENGTH <= datagram.length; ) {
    const length = view.getUint32(offset, LITTLE_ENDIAN);
    if (length < HEADER_LENGTH || offset + length > datagram.length) break;
    messages.push({
      type: view.getUint16(offset + 4, LITTLE_ENDIAN),
      flags: view.getUint16(offset + 6, LITTLE_ENDIAN),
      sequence: view.getUint32(offset + 8, LITTLE_ENDIAN),
      portId: view.getUint32(offset + 12, LITTLE_ENDIAN),
      body: datagram.subarray(offset + HEADER_LENGTH, offset + length),
    });
    offset += align(length);
  }
  return messages;
}

const NLMSGERR_ATTR_MSG = 1;

/**
 * NLMSG_ERROR carries minus errno as i32, the header of the request, the rest of the request unless capped, then attributes.
 * NLMSG_DONE carries minus errno, then attributes.
 */
export function decodeOutcome(message: Message): Outcome {
  const { body } = message;
  const errno = body.length < 4 ? 0 : 0 - viewOf(body).getInt32(0, LITTLE_ENDIAN);
  const explanation =
    message.flags & Flag.ackAttributes ? readText(ackAttributes(message), NLMSGERR_ATTR_MSG) : undefined;
  return { errno, ...(explanation ? { explanation } : {}) };
}

function ackAttributes({ type, flags, body }: Message): Attributes {
  if (type === MessageType.done) return parseAttributes(body, 4);
  if (body.length < 4 + HEADER_LENGTH) return new Map();
  const echoed = flags & Flag.capped ? HEADER_LENGTH : viewOf(body).getUint32(4, LITTLE_ENDIAN);
  return parseAttributes(body, 4 + align(echoed));
}
