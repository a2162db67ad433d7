import { createHash } from "node:crypto";
import type { QosLimit } from "@holdfast/model";
import { DIRECTIONS, type Direction, type QosRow, queueName } from "./qos-row.ts";

/** Where a chain is. `netdev`: on the way into and out of the link; `inet`: where connections are known. */
export type QosFamily = "netdev" | "inet";

/** A chain of one endpoint's link. */
export interface QosChain {
  readonly family: QosFamily;
  readonly name: string;
  /** Commands that make it, empty or not, whatever is there. */
  readonly add: string;
  /** Without their comment. */
  readonly rules: readonly string[];
  /** Commands after the rules. */
  readonly lead?: string;
}

/** Indices of the links with queues by direction: a rule knows its link by that. */
export type QueueIndices = Readonly<Partial<Record<Direction, number>>>;

/** After ingress (-500), before anything of ours that looks at addresses. */
const HOOK_PRIORITY = -150;
/** On the way to a queue and back: no packet of a sandbox has a mark, the kernel takes it away between namespaces. */
const WAITED = "0x48465700";
/** Behind the following of connections (-200). */
const CONNECTION_PRIORITY = -140;

export function chainName(link: string, what: Direction | "connections"): string {
  return `${link}-${what}`;
}

/** Of a chain: its link. */
export function linkOfChain(name: string): string {
  return name.slice(0, name.lastIndexOf("-"));
}

/** What the link's chains are to be; none where nothing is to be kept to. */
export function chainsOf(table: string, { link, qos }: QosRow, queues: QueueIndices): readonly QosChain[] {
  const ends = DIRECTIONS.flatMap((direction): QosChain[] => {
    const marks = direction === "egress" && qos.dscp !== undefined ? markRules(qos.dscp) : [];
    const isShaped = queues[direction] !== undefined;
    const limits = [...packetRules(qos[direction]), ...marks];
    const rules = isShaped ? shaped(limits, link, direction) : limits;
    if (rules.length === 0) return [];
    // Seen from the machine, what the endpoint sends comes in.
    const hook = direction === "egress" ? "ingress" : "egress";
    const name = chainName(link, direction);
    const type = `type filter hook ${hook} device "${link}" priority ${HOOK_PRIORITY}; policy accept;`;
    return [{ family: "netdev", name, add: `add chain netdev ${table} ${name} { ${type} }\n`, rules }];
  });
  return [...ends, ...connectionChains(table, link, qos.connections)];
}

/** In the order in which they count: what is dropped is not marked, and what is not marked does not wait. */
function packetRules({ packets }: QosLimit = {}): readonly string[] {
  if (packets === undefined) return [];
  return [`limit rate over ${packets}/second burst ${Math.max(5, Math.ceil(packets / 100))} packets counter drop`];
}

function markRules(dscp: number): readonly string[] {
  return [`ip dscp set ${dscp}`, `ip6 dscp set ${dscp}`];
}

/** What an endpoint sends comes by again behind its queue, as if it had just been received: it has passed all this, and its mark has done what it is for. */
function shaped(limits: readonly string[], link: string, direction: Direction): readonly string[] {
  const wait = `fwd to "${queueName(link, direction)}"`;
  if (direction === "ingress") return [...limits, wait];
  return [`meta mark ${WAITED} meta mark set 0 accept`, ...limits, `meta mark set ${WAITED} ${wait}`];
}

function connectionChains(table: string, link: string, connections: number | undefined): readonly QosChain[] {
  if (connections === undefined) return [];
  const name = chainName(link, "connections");
  const base = (chain: string, hook: string, rule: string) =>
    `add chain inet ${table} ${chain} { type filter hook ${hook} priority ${CONNECTION_PRIORITY}; policy accept; }\n` +
    `flush chain inet ${table} ${chain}\nadd rule inet ${table} ${chain} ${rule}\n`;
  const maps = ["from", "to"].map((map) => `add map inet ${table} ${map} { type ifname : verdict; }\n`).join("");
  return [
    {
      family: "inet",
      name,
      add:
        maps +
        base("begun-by", "prerouting", "ct state new iifname vmap @from") +
        base("begun-to", "postrouting", "ct state new oifname vmap @to") +
        `add chain inet ${table} ${name}\n`,
      rules: [`ct count over ${connections} counter drop`],
      lead: leads(table, link, name, "add"),
    },
  ];
}

/** Commands that bring a chain to what it is to be, in one transaction with all others of the script. */
export function setChain(table: string, { family, name, add, rules, lead = "" }: QosChain, digest: string): string {
  const place = `${family} ${table} ${name}`;
  const commented = rules.map(
    (rule, index) => `add rule ${place} ${rule}${index === 0 ? ` comment "${digest}"` : ""}\n`,
  );
  return `add table ${family} ${table}\n${add}flush chain ${place}\n${commented.join("")}${lead}`;
}

/** Removing what is not there is no error: it is made first. */
export function removeChain(table: string, family: QosFamily, name: string): string {
  const place = `${family} ${table} ${name}`;
  const link = linkOfChain(name);
  const unlead = family === "inet" ? leads(table, link, name, "add") + leads(table, link, name, "delete") : "";
  return `add table ${family} ${table}\nadd chain ${place}\n${unlead}flush chain ${place}\ndelete chain ${place}\n`;
}

/** By which a restarted agent sees that a chain is right. */
export function chainDigest({ rules }: QosChain, queues: QueueIndices): string {
  return createHash("sha256")
    .update(JSON.stringify([rules, queues]))
    .digest("hex")
    .slice(0, 16);
}

function leads(table: string, link: string, chain: string, command: "add" | "delete"): string {
  const lead = (map: string) =>
    `${command} element inet ${table} ${map} { "${link}"${command === "add" ? ` : jump ${chain}` : ""} }\n`;
  return lead("from") + lead("to");
}
