import { IpAddress } from "@holdfast/core";
import { attribute, nestedAttribute, textAttribute } from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import { type Bound, be32, boundsOf, TableMessage, tableRequest } from "./codec.ts";
import { ADDRESS_KEYS, boundElement, KEY_IN_NETWORK_ORDER, keyElement, SET_FLAGS } from "./elements.ts";
import type { SetChange } from "./netfilter.ts";

/** Of a nest's 64 KiB. */
const ELEMENTS_IN_MESSAGE = 1000;

export function setMessages(table: string, change: SetChange): Request[] {
  switch (change.kind) {
    case "create":
      return [createSet(table, change)];
    case "delete":
      return [tableRequest(TableMessage.deleteSet, 0, [textAttribute(1, table), textAttribute(2, change.set)])];
    case "clear":
      return [tableRequest(TableMessage.deleteElement, 0, [textAttribute(1, table), textAttribute(2, change.set)])];
    case "add":
    case "remove":
      return memberMessages(
        change.kind === "add" ? TableMessage.newElement : TableMessage.deleteElement,
        table,
        change,
      );
    case "lead":
      return [elements(TableMessage.newElement, table, change.map, [linkElement(change.link, change.chain)])];
    case "unlead":
      return [elements(TableMessage.deleteElement, table, change.map, [linkElement(change.link)])];
  }
}

function createSet(table: string, { set, family, of }: Extract<SetChange, { kind: "create" }>): Request {
  const { type, bytes } = ADDRESS_KEYS[family];
  return tableRequest(TableMessage.newSet, Flag.create, [
    textAttribute(1, table),
    textAttribute(2, set),
    be32(3, of === "prefixes" ? SET_FLAGS.intervals : 0),
    be32(4, type),
    be32(5, bytes),
    // Unique in the transaction; names are what counts.
    be32(10, 1),
    attribute(13, KEY_IN_NETWORK_ORDER),
  ]);
}

function* portions<T>(members: readonly T[]): Generator<readonly T[], void> {
  for (let from = 0; from < members.length; from += ELEMENTS_IN_MESSAGE / 2) {
    yield members.slice(from, from + ELEMENTS_IN_MESSAGE / 2);
  }
}

type MemberChange = Extract<SetChange, { kind: "add" | "remove" }>;

function memberMessages(message: number, table: string, change: MemberChange): Request[] {
  const bounds = boundsIn(change);
  return bounds.map((some) => elements(message, table, change.set, some.map(boundElement)));
}

function boundsIn(change: MemberChange): readonly (readonly Bound[])[] {
  if ("prefixes" in change) return [...portions(change.prefixes)].map((some) => some.flatMap(boundsOf));
  if ("addresses" in change) return [...portions(change.addresses)].map((some) => some.map(addressBound));
  return [...portions(change.keys)].map((some) => some.map((key) => ({ address: key, end: false })));
}

function addressBound(address: IpAddress): Bound {
  return { address: IpAddress.toBytes(address), end: false };
}

function elements(message: number, table: string, set: string, parts: readonly Uint8Array[]): Request {
  const body = [textAttribute(1, table), textAttribute(2, set), nestedAttribute(3, parts)];
  return tableRequest(message, message === TableMessage.newElement ? Flag.create : 0, body);
}

/** Of a map from interfaces to chains; without the chain, its key. */
function linkElement(link: string, chain?: string): Uint8Array {
  const name = new Uint8Array(16);
  new TextEncoder().encodeInto(link, name);
  return keyElement(name, chain === undefined ? undefined : { kind: "goto", chain });
}
