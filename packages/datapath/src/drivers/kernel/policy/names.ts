import { hash } from "node:crypto";
import type { Direction, ProgramId, RuleId, SetId } from "@holdfast/policy";

/** The table of rule programs; whatever is in it is ours. Its family is `inet`. */
export const POLICY_TABLE = "holdfast_policy";

/** What keeps endpoints that have a policy from beginning anything while that is brought back. */
export const CLOSED_TABLE = "holdfast_closed";

/** A connection that was allowed once and is denied now has this bit in its mark, and the kernel drops what belongs to it. */
export const CUT_MARK = 0x0080_0000;

/** The group of links whose endpoints have a policy: it keeps tenants apart, or lets them meet by contract. */
export const POLICY_GROUP = 0x6870;

/** What a program is for: to be enforced, or to be counted only. */
export type Mode = "enforced" | "staged";

/** The map that leads an endpoint's packets to its program, by its interface. */
export function endpointMap(mode: Mode, direction: Direction): string {
  return `${mode}_${direction}`;
}

/** Where a program begins. The name is the program's, so that a new version takes the place of the former for all its endpoints at once. */
export function entryName(mode: Mode, program: ProgramId, direction: Direction): string {
  return `${mode}/${program}/${direction}`;
}

/** Other chains keep their names when their rules change: entries, and the table's own. */
export function isNamedByRules(chain: string): boolean {
  return /^(?:section|stage|remotes|rule)\//.test(chain);
}

/**
 * A set is two in the kernel. Single addresses are in a hash, where one more costs the same however many there are; prefixes are intervals, of which the
 * kernel keeps an order that a change of one makes it go through.
 */
export function kernelSets(id: SetId): { readonly addresses: string; readonly prefixes: string } {
  return { addresses: `${id}/addresses`, prefixes: `${id}/prefixes` };
}

/** Of which set it is a part; undefined: of none. */
export function setOfKernel(name: string): SetId | undefined {
  return /^(.+)\/(?:addresses|prefixes)$/.exec(name)?.[1];
}

/** The kernel takes 255 bytes. */
const NAME_LENGTH = 240;

export function counterName(program: ProgramId, rule: RuleId): string {
  const name = `count/${program}/${rule}`;
  return name.length <= NAME_LENGTH ? name : `count/${program}/${contentHash(rule)}`;
}

/** 20 hexadecimal digits. */
export function contentHash(text: string): string {
  return hash("sha256", text, "hex").slice(0, 20);
}
