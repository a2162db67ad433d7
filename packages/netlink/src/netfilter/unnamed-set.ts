import { attribute, nestedAttribute, textAttribute } from "../codec/attributes.ts";
import { be32 } from "./codec.ts";
import { boundElement, KEY_IN_NETWORK_ORDER, keyElement, SET_FLAGS } from "./elements.ts";
import type { Verdict } from "./expressions.ts";
import type { Field, Values } from "./fields.ts";

/** Of a nest's 64 KiB; an element has a chain's name. */
const ELEMENTS_IN_MESSAGE = 200;
const VERDICTS = 0xffff_ff00;

/** An element of a set, or of a map to verdicts. */
export interface Element {
  readonly values: Values;
  readonly verdict?: Verdict;
}

/** A set that belongs to one rule: attributes of the messages that make it and fill it. */
export interface UnnamedSet {
  readonly name: string;
  readonly create: readonly Uint8Array[];
  readonly fill: readonly (readonly Uint8Array[])[];
}

/** @param id of the set in its transaction. */
export function unnamedSet(table: string, id: number, field: Field, elements: readonly Element[]): UnnamedSet {
  const isMap = elements[0]?.verdict !== undefined;
  const intervals = elements.some(({ values }) => !values.isOne);
  const always = SET_FLAGS.unnamed | SET_FLAGS.constant;
  const flags = always | (intervals ? SET_FLAGS.intervals : 0) | (isMap ? SET_FLAGS.map : 0);
  const name = isMap ? "__map%d" : "__set%d";
  const parts = intervals ? intervalElements(elements) : elements.map(startElement);
  const create = [
    textAttribute(1, table),
    textAttribute(2, name),
    be32(3, flags),
    be32(4, field.type),
    be32(5, field.bytes),
    ...(isMap ? [be32(6, VERDICTS)] : []),
    nestedAttribute(9, [be32(1, parts.length)]),
    be32(10, id),
    attribute(13, KEY_IN_NETWORK_ORDER),
  ];
  const fill: Uint8Array[][] = [];
  for (let from = 0; from < parts.length; from += ELEMENTS_IN_MESSAGE) {
    const some = parts.slice(from, from + ELEMENTS_IN_MESSAGE);
    fill.push([textAttribute(1, table), textAttribute(2, name), nestedAttribute(3, some), be32(4, id)]);
  }
  return { name, create, fill };
}

/** Each begins with an element and ends with another, unless the next one begins there. */
function intervalElements(elements: readonly Element[]): Uint8Array[] {
  const ordered = elements.toSorted((a, b) => Buffer.compare(a.values.first, b.values.first));
  return ordered.flatMap((element, index) => {
    const { end } = element.values;
    const next = ordered[index + 1]?.values.first;
    const isEnded = end !== undefined && (next === undefined || Buffer.compare(end, next) !== 0);
    return isEnded ? [startElement(element), boundElement({ address: end, end: true })] : [startElement(element)];
  });
}

function startElement({ values, verdict }: Element): Uint8Array {
  return keyElement(values.first, verdict);
}
