import {
  type Attributes,
  attribute,
  concatenate,
  LITTLE_ENDIAN,
  nestedAttribute,
  parseAttributes,
  readNested,
  readText,
  readU32,
  textAttribute,
  u32Attribute,
  viewOf,
} from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import { Attribute, TCMSG_LENGTH, TrafficMessage, tcmsg } from "./tcmsg.ts";
import type { ClassId, Qdisc, TrafficClass } from "./traffic-control.ts";

/** Attributes of linux/pkt_sched.h per kind. */
const Tbf = { parameters: 1, rate64: 4, burst: 6 } as const;
const Htb = { parameters: 1, init: 2, rate64: 6, ceiling64: 7 } as const;
const FqCodel = { memory: 9 } as const;

const NLM_F_ECHO = 0x8;
const ROOT = 0xffffffff;
const RATESPEC_LENGTH = 12;
const LINKLAYER_ETHERNET = 1;
const HTB_VERSION = 3;
/** Nanoseconds of a tick of the scheduler's clock (PSCHED_SHIFT). */
const TICK = 64;
const MAX_U32 = 0xffffffff;
/** Bytes that a class may send in its turn: what two full frames are, so that turns are short. */
const QUANTUM = 3028;

/** Of a link that is known by its index. */
export type QdiscRecord = Qdisc extends infer Q ? (Q extends Qdisc ? Omit<Q, "link"> : never) : never;
export type ClassRecord = Omit<TrafficClass, "link">;

export function setQdiscRequest(index: number, qdisc: QdiscRecord): Request {
  const parent = qdisc.parent === undefined ? ROOT : numberOf(qdisc.parent);
  const options = optionsOf(qdisc);
  return {
    type: TrafficMessage.newQdisc,
    flags: Flag.create | Flag.replace | Flag.ack,
    body: [
      tcmsg(index, qdisc.handle * 0x10000, parent),
      textAttribute(Attribute.kind, qdisc.kind),
      ...(options === undefined ? [] : [options]),
    ],
  };
}

export function deleteRootQdiscRequest(index: number): Request {
  return { type: TrafficMessage.deleteQdisc, flags: Flag.ack, body: [tcmsg(index, 0, ROOT)] };
}

export function getRootQdiscRequest(index: number): Request {
  // Without it the kernel tells those who listen, and not who asks.
  return { type: TrafficMessage.getQdisc, flags: NLM_F_ECHO, body: [tcmsg(index, 0, ROOT)] };
}

export function setClassRequest(index: number, { id, parent, ...shape }: ClassRecord): Request {
  const { rate, ceiling, burst, ceilingBurst } = shape;
  const parameters = concatenate([
    ratespec(rate),
    ratespec(ceiling),
    words(ticksOf(burst, rate), ticksOf(ceilingBurst, ceiling), QUANTUM, 0, 0),
  ]);
  return {
    type: TrafficMessage.newClass,
    flags: Flag.create | Flag.ack,
    body: [
      tcmsg(index, numberOf(id), parent === undefined ? id.qdisc * 0x10000 : numberOf(parent)),
      textAttribute(Attribute.kind, "htb"),
      nestedAttribute(Attribute.options, [
        attribute(Htb.parameters, parameters),
        ...rate64(Htb.rate64, rate),
        ...rate64(Htb.ceiling64, ceiling),
      ]),
    ],
  };
}

export function deleteClassRequest(index: number, id: ClassId): Request {
  return { type: TrafficMessage.deleteClass, flags: Flag.ack, body: [tcmsg(index, numberOf(id), 0)] };
}

export function listClassesRequest(index: number): Request {
  return { type: TrafficMessage.getClass, flags: Flag.dump, body: [tcmsg(index, 0, 0)] };
}

/** Undefined for kinds that this package does not know. */
export function decodeQdisc(body: Uint8Array): QdiscRecord | undefined {
  const view = viewOf(body);
  const attributes = parseAttributes(body, TCMSG_LENGTH);
  const handle = view.getUint32(8, LITTLE_ENDIAN) >>> 16;
  const parent = view.getUint32(12, LITTLE_ENDIAN);
  const place = { handle, ...(parent === ROOT ? {} : { parent: idOf(parent) }) };
  const kind = readText(attributes, Attribute.kind);
  switch (kind) {
    case "tbf": {
      const options = readNested(attributes, Attribute.options);
      const parameters = viewOf(options.get(Tbf.parameters) ?? new Uint8Array(36));
      const rate = rateOf(parameters, 0, options, Tbf.rate64);
      const limit = parameters.getUint32(24, LITTLE_ENDIAN);
      return { ...place, kind, rate, burst: bytesOf(parameters.getUint32(28, LITTLE_ENDIAN), rate), limit };
    }
    case "htb": {
      const init = readNested(attributes, Attribute.options).get(Htb.init);
      return { ...place, kind, defaultMinor: viewOf(init ?? new Uint8Array(20)).getUint32(8, LITTLE_ENDIAN) };
    }
    case "bfifo":
      return {
        ...place,
        kind,
        limit: viewOf(attributes.get(Attribute.options) ?? new Uint8Array(4)).getUint32(0, LITTLE_ENDIAN),
      };
    case "fq_codel": {
      const memory = readU32(readNested(attributes, Attribute.options), FqCodel.memory);
      return { ...place, kind, ...(memory === undefined ? {} : { memory }) };
    }
    default:
      return undefined;
  }
}

/** Undefined for what is no class of an HTB. */
export function decodeClass(body: Uint8Array): ClassRecord | undefined {
  const view = viewOf(body);
  const attributes = parseAttributes(body, TCMSG_LENGTH);
  if (readText(attributes, Attribute.kind) !== "htb") return undefined;
  const options = readNested(attributes, Attribute.options);
  const parameters = viewOf(options.get(Htb.parameters) ?? new Uint8Array(44));
  const rate = rateOf(parameters, 0, options, Htb.rate64);
  const parent = view.getUint32(12, LITTLE_ENDIAN);
  const ceiling = rateOf(parameters, RATESPEC_LENGTH, options, Htb.ceiling64);
  return {
    id: idOf(view.getUint32(8, LITTLE_ENDIAN)),
    ...(parent === ROOT || parent % 0x10000 === 0 ? {} : { parent: idOf(parent) }),
    rate,
    ceiling,
    burst: bytesOf(parameters.getUint32(24, LITTLE_ENDIAN), rate),
    ceilingBurst: bytesOf(parameters.getUint32(28, LITTLE_ENDIAN), ceiling),
  };
}

function optionsOf(qdisc: QdiscRecord): Uint8Array | undefined {
  switch (qdisc.kind) {
    case "tbf":
      return nestedAttribute(Attribute.options, [
        attribute(
          Tbf.parameters,
          concatenate([
            ratespec(qdisc.rate),
            new Uint8Array(RATESPEC_LENGTH),
            words(qdisc.limit, ticksOf(qdisc.burst, qdisc.rate), 0),
          ]),
        ),
        ...rate64(Tbf.rate64, qdisc.rate),
        u32Attribute(Tbf.burst, qdisc.burst),
      ]);
    case "htb":
      // struct tc_htb_glob: version, rate2quantum, default class, debug, packets that were not queued.
      return nestedAttribute(Attribute.options, [
        attribute(Htb.init, words(HTB_VERSION, 10, qdisc.defaultMinor, 0, 0)),
      ]);
    case "bfifo":
      return attribute(Attribute.options, words(qdisc.limit));
    case "fq_codel":
      return qdisc.memory === undefined
        ? undefined
        : nestedAttribute(Attribute.options, [u32Attribute(FqCodel.memory, qdisc.memory)]);
  }
}

/** struct tc_ratespec: cell log u8, link layer u8, overhead u16, cell align i16, mpu u16, bytes per second u32. */
function ratespec(rate: number): Uint8Array {
  const bytes = new Uint8Array(RATESPEC_LENGTH);
  const view = viewOf(bytes);
  view.setUint8(1, LINKLAYER_ETHERNET);
  view.setUint32(8, Math.min(rate / 8, MAX_U32), LITTLE_ENDIAN);
  return bytes;
}

/** Of what does not fit into struct tc_ratespec. */
function rate64(type: number, rate: number): Uint8Array[] {
  if (rate / 8 < MAX_U32) return [];
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(rate / 8), LITTLE_ENDIAN);
  return [attribute(type, bytes)];
}

function rateOf(parameters: DataView, offset: number, options: Attributes, type: number): number {
  const large = options.get(type);
  if (large !== undefined) return Number(viewOf(large).getBigUint64(0, LITTLE_ENDIAN)) * 8;
  return parameters.getUint32(offset + 8, LITTLE_ENDIAN) * 8;
}

/** Ticks that so many bytes take at a rate. */
function ticksOf(burst: number, rate: number): number {
  return Math.floor((burst * 8e9) / rate / TICK);
}

function bytesOf(ticks: number, rate: number): number {
  return Math.round((ticks * TICK * rate) / 8e9);
}

function numberOf({ qdisc, minor }: ClassId): number {
  return qdisc * 0x10000 + minor;
}

function idOf(number: number): ClassId {
  return { qdisc: number >>> 16, minor: number & 0xffff };
}

function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  for (const [place, value] of values.entries()) viewOf(bytes).setUint32(place * 4, value, LITTLE_ENDIAN);
  return bytes;
}
