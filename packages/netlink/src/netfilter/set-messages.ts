import type { Cidr, Family } from "@holdfast/core";
import { attribute, nestedAttribute, textAttribute } from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import {
  be32,
  boundElement,
  boundsOf,
  generic,
  linkElement,
  messageType,
  NFPROTO_INET,
  SUBSYSTEM,
  TableMessage,
} from "./codec.ts";
import type { SetChange } from "./netfilter.ts";

/** Of a nest's 64 KiB. */
const ELEMENTS_IN_MESSAGE = 1000;
const SET_IS_INTERVALS = 4;
/** As nft(8) knows types of keys, by which it prints them. */
const KEY = { v4: { type: 7, bytes: 4 }, v6: { type: 8, bytes: 16 } } as const;
/** The note from which nft(8) learns that keys are in network order. */
const KEY_IN_NETWORK_ORDER = Uint8Array.of(0, 4, 2, 0, 0, 0);

export function changeMessages(table: string, change: SetChange): Request[] {
  switch (change.kind) {
    case "create":
      return [createSet(table, change.set, change.family)];
    case "delete":
      return [request(TableMessage.deleteSet, 0, [textAttribute(1, table), textAttribute(2, change.set)])];
    case "clear":
      return [request(TableMessage.deleteElement, 0, [textAttribute(1, table), textAttribute(2, change.set)])];
    case "add":
      return prefixMessages(TableMessage.newElement, table, change.set, change.prefixes);
    case "remove":
      return prefixMessages(TableMessage.deleteElement, table, change.set, change.prefixes);
    case "lead":
      return [elements(TableMessage.newElement, table, change.map, [linkElement(change.link, change.chain)])];
    case "unlead":
      return [elements(TableMessage.deleteElement, table, change.map, [linkElement(change.link)])];
  }
}

function createSet(table: string, set: string, family: Family): Request {
  const { type, bytes } = KEY[family];
  return request(TableMessage.newSet, Flag.create, [
    textAttribute(1, table),
    textAttribute(2, set),
    be32(3, SET_IS_INTERVALS),
    be32(4, type),
    be32(5, bytes),
    // Unique in the transaction; names are what counts.
    be32(10, 1),
    attribute(13, KEY_IN_NETWORK_ORDER),
  ]);
}

function* portions(prefixes: readonly Cidr[]): Generator<readonly Cidr[], void> {
  for (let from = 0; from < prefixes.length; from += ELEMENTS_IN_MESSAGE / 2) {
    yield prefixes.slice(from, from + ELEMENTS_IN_MESSAGE / 2);
  }
}

function prefixMessages(message: number, table: string, set: string, prefixes: readonly Cidr[]): Request[] {
  return [...portions(prefixes)].map((some) =>
    elements(
      message,
      table,
      set,
      some.flatMap((prefix) => boundsOf(prefix).map(boundElement)),
    ),
  );
}

function elements(message: number, table: string, set: string, parts: readonly Uint8Array[]): Request {
  const body = [textAttribute(1, table), textAttribute(2, set), nestedAttribute(3, parts)];
  return request(message, message === TableMessage.newElement ? Flag.create : 0, body);
}

function request(message: number, flags: number, attributes: readonly Uint8Array[]): Request {
  const body = [generic(NFPROTO_INET), ...attributes];
  return { type: messageType(SUBSYSTEM.tables, message), flags: flags | Flag.ack, body };
}
