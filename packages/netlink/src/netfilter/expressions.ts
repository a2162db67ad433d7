import { attribute, LITTLE_ENDIAN, nestedAttribute, textAttribute, viewOf } from "../codec/attributes.ts";
import { be32 } from "./codec.ts";

/** Expressions of rules as the kernel has them: linux/netfilter/nf_tables.h. All of them use the first register of 16 bytes. */

const REGISTER = 1;
const VERDICT_REGISTER = 0;
const COUNTER = 1;
const CT_STATE = 0;
const CT_STATE_INVALID = 1;

export const META = { family: 15, protocol: 16 } as const;
export const BASE = { network: 1, transport: 2 } as const;
export const COMPARE = { equal: 0, unequal: 1, atMost: 3, atLeast: 5 } as const;

export type Verdict = { readonly kind: "accept" | "drop" } | { readonly kind: "goto" | "jump"; readonly chain: string };

const VERDICT_CODES = { drop: 0, accept: 1, jump: -3, goto: -4 } as const;

/** NFTA_DATA_VERDICT. */
export function verdictData(type: number, verdict: Verdict): Uint8Array {
  const code = be32(1, VERDICT_CODES[verdict.kind]);
  return nestedAttribute(type, [
    nestedAttribute(2, "chain" in verdict ? [code, textAttribute(2, verdict.chain)] : [code]),
  ]);
}

function expression(name: string, data: readonly Uint8Array[]): Uint8Array {
  return nestedAttribute(1, [textAttribute(1, name), nestedAttribute(2, data)]);
}

function value(type: number, bytes: Uint8Array): Uint8Array {
  return nestedAttribute(type, [attribute(1, bytes)]);
}

export function loadMeta(key: number): Uint8Array {
  return expression("meta", [be32(1, REGISTER), be32(2, key)]);
}

export function loadPayload(base: number, offset: number, bytes: number): Uint8Array {
  return expression("payload", [be32(1, REGISTER), be32(2, base), be32(3, offset), be32(4, bytes)]);
}

export function compare(operator: number, bytes: Uint8Array): Uint8Array {
  return expression("cmp", [be32(1, REGISTER), be32(2, operator), value(3, bytes)]);
}

export function mask(bytes: Uint8Array): Uint8Array {
  const none = new Uint8Array(bytes.length);
  return expression("bitwise", [
    be32(1, REGISTER),
    be32(2, REGISTER),
    be32(3, bytes.length),
    value(4, bytes),
    value(5, none),
  ]);
}

/** Whether it belongs to no connection and begins none. */
export function isInvalid(): Uint8Array[] {
  const state = new Uint8Array(4);
  viewOf(state).setUint32(0, CT_STATE_INVALID, LITTLE_ENDIAN);
  const load = expression("ct", [be32(1, REGISTER), be32(2, CT_STATE)]);
  return [load, mask(state), compare(COMPARE.unequal, new Uint8Array(4))];
}

/** `id`: of a set without a name that the same transaction makes. */
export function lookUp(set: string, { id, verdicts = false }: { readonly id?: number; readonly verdicts?: boolean }) {
  return expression("lookup", [
    textAttribute(1, set),
    be32(2, REGISTER),
    ...(verdicts ? [be32(3, VERDICT_REGISTER)] : []),
    ...(id === undefined ? [] : [be32(4, id)]),
  ]);
}

export function countIn(counter: string): Uint8Array {
  return expression("objref", [be32(1, COUNTER), textAttribute(2, counter)]);
}

/** Packets beyond so many in a second end the rule. */
export function limitRate(perSecond: number, burst: number): Uint8Array {
  return expression("limit", [be64(1, perSecond), be64(2, 1), be32(3, burst), be32(4, 0), be32(5, 0)]);
}

export function logWith(prefix: string): Uint8Array {
  return expression("log", [textAttribute(2, prefix)]);
}

export function decideAs(verdict: Verdict): Uint8Array {
  return expression("immediate", [be32(1, VERDICT_REGISTER), verdictData(2, verdict)]);
}

function be64(type: number, number: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigUint64(0, BigInt(number), false);
  return attribute(type, bytes);
}
