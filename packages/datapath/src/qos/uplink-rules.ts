import { createHash } from "node:crypto";
import type { IpAddress, MacAddress } from "@holdfast/core";
import { OUR_HANDLE } from "./queues.ts";
import { DEFAULT_MINOR } from "./uplink-tree.ts";

/** Who has sent a frame that leaves in a VXLAN packet: the network's number and a MAC, e.g. `"4711/02:01:0a:14:00:05"`. */
export type TunnelledMac = `${number}/${MacAddress}`;

/** Whose packets, by address, MAC or both numbers in a tunnel, are in which class, e.g. `"4846:7"`. */
export interface ClassElement {
  readonly key: string;
  readonly class: string;
}

interface Place {
  readonly link: string;
  readonly ifb: string;
  readonly tunnelAddress: IpAddress | undefined;
}

/** After what others do to packets that leave. */
const PRIORITY = 100;
/** RFC 7348 §5: bits from the start of the UDP header. The network's number has a reserved byte behind it. */
const VXLAN = { port: 4789, network: "@th,96,32", sender: "@th,176,48" };

/** Whatever is in it is ours. */
export function uplinkTableName(linkPrefix: string): string {
  return `holdfast_uplink_${linkPrefix}`;
}

/**
 * A script for nft(8): what leaves by the uplink waits in the ifb, in the class of who has sent it. The comment is in what `nft list table` says as long as these
 * rules are there.
 */
export function uplinkSkeleton(table: string, place: Place): { readonly script: string; readonly comment: string } {
  const body = skeletonBody(place);
  const comment = `comment "${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
  return { comment, script: `${removeUplinkRules(table)}table netdev ${table} {\n  ${comment}\n${body}}\n` };
}

/** A script that takes some out of the maps and puts others in. */
export function elementCommands(
  table: string,
  { gone, come }: { readonly gone: readonly ClassElement[]; readonly come: readonly ClassElement[] },
): string {
  const change = (command: string, { key, class: value }: ClassElement) =>
    `${command} element netdev ${table} ${mapOf(key)} { ${textOf(key)}${command === "add" ? ` : "${value}"` : ""} }\n`;
  return [...gone.map((element) => change("delete", element)), ...come.map((element) => change("add", element))].join(
    "",
  );
}

export function removeUplinkRules(table: string): string {
  return `add table netdev ${table}\ndelete table netdev ${table}\n`;
}

/** What `nft list table` says. */
export function elementsOf(text: string): ReadonlyMap<string, string> {
  const elements = text.matchAll(/((?:0x[0-9a-f]+ \. )?[0-9a-fx.:]+) : (4846:[0-9a-f]+)/g);
  return new Map([...elements].map(([, key = "", value = ""]) => [keyOf(key), value]));
}

/** A priority that a sandbox has chosen must not put it into somebody's class, so each packet gets one first; nor may a tunnel's packet that it has made up itself. */
function skeletonBody({ link, ifb, tunnelAddress }: Place): string {
  const maps = [
    ["v4", "type ipv4_addr : classid"],
    ["v6", "type ipv6_addr : classid"],
    ["mac", "type ether_addr : classid"],
    ["vxlan", `typeof ${VXLAN.network} . ${VXLAN.sender} : meta priority`],
  ].map(([name, type]) => `  map ${name} { ${type}; }\n`);
  const others = `${OUR_HANDLE.toString(16)}:${DEFAULT_MINOR.toString(16)}`;
  const tunnelled = `ip saddr ${tunnelAddress} udp dport ${VXLAN.port} meta priority set ${VXLAN.network} . ${VXLAN.sender} map @vxlan`;
  const rules = [
    `meta priority set "${others}"`,
    ...(tunnelAddress === undefined ? [] : [tunnelled]),
    "meta priority set ip saddr map @v4",
    "meta priority set ip6 saddr map @v6",
    "meta priority set ether saddr map @mac",
    `fwd to "${ifb}"`,
  ].map((rule) => `    ${rule}\n`);
  const hook = `    type filter hook egress device "${link}" priority ${PRIORITY}; policy accept;\n`;
  return `${maps.join("")}  chain leaving {\n${hook}${rules.join("")}  }\n`;
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
