import { OUR_HANDLE } from "./queues.ts";
import { DEFAULT_MINOR } from "./uplink-tree.ts";

/** Whose packets, by address or MAC, are in which class, e.g. `"4846:7"`. */
export interface ClassElement {
  readonly key: string;
  readonly class: string;
}

interface Place {
  readonly link: string;
  readonly ifb: string;
  /** The table is not there, or has nothing. */
  readonly isNew: boolean;
}

/** After what others do to packets that leave. */
const PRIORITY = 100;

/** Whatever is in it is ours. */
export function uplinkTableName(linkPrefix: string): string {
  return `holdfast_uplink_${linkPrefix}`;
}

/** A script for nft(8): what leaves by the uplink waits in the ifb, in the class of who has sent it. */
export function uplinkRules(
  table: string,
  { link, ifb, isNew }: Place,
  { gone, come }: { readonly gone: readonly ClassElement[]; readonly come: readonly ClassElement[] },
): string {
  const change = (command: string, { key, class: value }: ClassElement) =>
    `${command} element netdev ${table} ${mapOf(key)} { ${key}${command === "add" ? ` : "${value}"` : ""} }\n`;
  return [
    ...(isNew ? [skeleton(table, link, ifb)] : []),
    ...gone.map((element) => change("delete", element)),
    ...come.map((element) => change("add", element)),
  ].join("");
}

export function removeUplinkRules(table: string): string {
  return `add table netdev ${table}\ndelete table netdev ${table}\n`;
}

/** What `nft list table` says. */
export function elementsOf(text: string): ReadonlyMap<string, string> {
  return new Map(
    [...text.matchAll(/([0-9a-f.:]+) : (4846:[0-9a-f]+)/g)].map(([, key = "", value = ""]) => [key, value]),
  );
}

/** A priority that a sandbox has chosen must not put it into somebody's class, so each packet gets one first. */
function skeleton(table: string, link: string, ifb: string): string {
  const maps = [
    ["v4", "ipv4_addr"],
    ["v6", "ipv6_addr"],
    ["mac", "ether_addr"],
  ].map(([name, type]) => `  map ${name} { type ${type} : classid; }\n`);
  const others = `${OUR_HANDLE.toString(16)}:${DEFAULT_MINOR.toString(16)}`;
  const rules = [
    `meta priority set "${others}"`,
    "meta priority set ip saddr map @v4",
    "meta priority set ip6 saddr map @v6",
    "meta priority set ether saddr map @mac",
    `fwd to "${ifb}"`,
  ].map((rule) => `    ${rule}\n`);
  const hook = `    type filter hook egress device "${link}" priority ${PRIORITY}; policy accept;\n`;
  return `${removeUplinkRules(table)}table netdev ${table} {\n${maps.join("")}  chain leaving {\n${hook}${rules.join("")}  }\n}\n`;
}

function mapOf(key: string): string {
  if (/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(key)) return "mac";
  return key.includes(":") ? "v6" : "v4";
}
