import type { IpAddress, MacAddress } from "@holdfast/core";
import { paceText, rateOfPace } from "./uplink-bypass.ts";

/** Who has sent a frame that leaves in a VXLAN packet: the network's number and a MAC, e.g. `"4711/02:01:0a:14:00:05"`. */
export type TunnelledMac = `${number}/${MacAddress}`;

/** By which packets are known on the uplink. */
export type SenderKey = IpAddress | MacAddress | TunnelledMac;

/**
 * Whose packets, by address, MAC or both numbers in a tunnel, are in which class, e.g. `"4846:7"`; and of a class, how many cells per second of it go past the tree, e.g.
 * `"976"`.
 */
export type UplinkElements = ReadonlyMap<string, string>;

type Element = readonly [key: string, value: string];

/** All of one class. */
export function elementsOfClass(
  own: string,
  { known, pace }: { readonly known: readonly SenderKey[]; readonly pace: number | undefined },
): readonly Element[] {
  const senders = known.map((key): Element => [key, own]);
  return pace === undefined ? senders : [...senders, [own, String(pace)]];
}

/** Without those of the classes that are to go. */
export function elementsOfOthers(all: UplinkElements, isGone: (classText: string) => boolean): readonly Element[] {
  return [...all].filter(([key, value]) => !isGone(isClass(key) ? key : value));
}

/** Bits per second that all classes may send past the tree. */
export function rateAside(all: UplinkElements): number {
  return [...all].reduce((sum, [key, value]) => sum + (isClass(key) ? rateOfPace(Number(value)) : 0), 0);
}

/** A script that makes one of the other. */
export function elementCommands(table: string, before: UplinkElements, after: UplinkElements): string {
  return [
    ...lacking(before, after).map((element) => commandsOf("delete", table, element)),
    ...lacking(after, before).map((element) => commandsOf("add", table, element)),
  ].join("");
}

/** What `nft list table` says. */
export function elementsOf(text: string): UplinkElements {
  const senders = text.matchAll(/((?:0x[0-9a-f]+ \. )?[0-9a-fx.:]+) : (4846:[0-9a-f]+)/g);
  const paces = text.matchAll(/(4846:[0-9a-f]+) limit rate over (\d+)\/second/g);
  return new Map([...senders, ...paces].map(([, key = "", value = ""]) => [keyOf(key), value]));
}

function lacking(one: UplinkElements, other: UplinkElements): readonly Element[] {
  return [...one].filter(([key, value]) => other.get(key) !== value);
}

function commandsOf(command: "add" | "delete", table: string, [key, value]: Element): string {
  const change = (set: string, element: string, more: string) =>
    `${command} element netdev ${table} ${set} { ${element}${command === "add" ? more : ""} }\n`;
  if (!isClass(key)) return change(mapOf(key), textOf(key), ` : "${value}"`);
  return change("quick", key, "") + change("above", key, ` ${paceText(Number(value))}`);
}

function isClass(key: string): boolean {
  return /^4846:[0-9a-f]+$/.test(key);
}

function mapOf(key: string): string {
  if (key.includes("/")) return "vxlan";
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(key)) return "mac";
  return key.includes(":") ? "v6" : "v4";
}

/** A key as nft writes it: those of VXLAN are numbers, the network's in the upper three of four bytes. */
function textOf(key: string): string {
  const [network, mac] = key.split("/");
  if (mac === undefined) return key;
  return `0x${(Number(network) * 256).toString(16)} . 0x${mac.replaceAll(":", "")}`;
}

function keyOf(text: string): string {
  const [network, mac] = text.split(" . ");
  if (mac === undefined) return text;
  const digits = Number(mac).toString(16).padStart(12, "0");
  return `${Number(network) / 256}/${digits.match(/../g)?.join(":")}`;
}
