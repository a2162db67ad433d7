import { createHash } from "node:crypto";
import type { IpAddress } from "@holdfast/core";
import { OUR_HANDLE } from "./queues.ts";
import { bypassBody } from "./uplink-bypass.ts";
import { DEFAULT_MINOR } from "./uplink-tree.ts";

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
 * A script for nft(8): what leaves by the uplink waits in the ifb, in the class of who has sent it, or goes past it. The comment is in what `nft list table` says as long as these
 * rules are there.
 */
export function uplinkSkeleton(table: string, place: Place): { readonly script: string; readonly comment: string } {
  const body = skeletonBody(place);
  const comment = `comment "${createHash("sha256").update(body).digest("hex").slice(0, 16)}"`;
  return { comment, script: `${removeUplinkRules(table)}table netdev ${table} {\n  ${comment}\n${body}}\n` };
}

export function removeUplinkRules(table: string): string {
  return `add table netdev ${table}\ndelete table netdev ${table}\n`;
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
    "meta priority @quick goto bypass",
    `fwd to "${ifb}"`,
  ].map((rule) => `    ${rule}\n`);
  const hook = `    type filter hook egress device "${link}" priority ${PRIORITY}; policy accept;\n`;
  return `${maps.join("")}${bypassBody(ifb)}  chain leaving {\n${hook}${rules.join("")}  }\n`;
}
