import { setTimeout as pause } from "node:timers/promises";
import { rowsOf, tryRun } from "../command.ts";

interface Link {
  readonly ifname: string;
  readonly mtu: number;
  readonly master?: string;
  readonly address?: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

interface Route {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly table?: string;
  readonly type?: string;
}

/** Milliseconds that a plugin's own background work may take. */
const SETTLING = 5000;
const BETWEEN_LOOKS = 150;

/** What a machine has of a network, one sorted line for each thing; names that are made up are left out when `anonymous`. */
export async function machineState({ anonymous = false } = {}): Promise<readonly string[]> {
  const routesOf = (family: string) => rowsOf<Route>(["ip", "-j", family, "route", "show", "table", "all"]);
  const [links, v4, v6, rules, tables] = await Promise.all([
    rowsOf<Link>(["ip", "-d", "-j", "address", "show"]),
    routesOf("-4"),
    routesOf("-6"),
    tryRun(["ip", "rule", "show"]),
    tryRun(["nft", "-s", "list", "ruleset"]),
  ]);
  const nameOf = (name = "", kind = ""): string => (anonymous && kind === "veth" ? "veth" : name);
  const kinds = new Map(links.map(({ ifname, linkinfo }) => [ifname, linkinfo?.info_kind]));
  return [
    ...links.map((link) => linkLine(link, nameOf(link.ifname, link.linkinfo?.info_kind))),
    ...links.flatMap(({ ifname, addr_info }) =>
      addr_info
        .filter(({ scope }) => scope !== "link")
        .map(({ local, prefixlen }) => `address ${local}/${prefixlen} ${nameOf(ifname, kinds.get(ifname))}`),
    ),
    ...[...v4, ...v6]
      // The kernel makes and removes these by itself, some of them late.
      .filter(({ dst, type }) => type !== "multicast" && type !== "anycast" && !dst.startsWith("fe80:"))
      .map(
        ({ dst, dev, gateway = "", table = "main" }) =>
          `route ${dst} ${nameOf(dev, kinds.get(dev ?? ""))} ${gateway} ${table}`,
      ),
    ...rules.stdout.split("\n").map((line) => `rule ${line}`),
    ...tables.stdout.split("\n").map((line) => `nft ${anonymous ? line.replaceAll(/\bveth\w+/g, "veth") : line}`),
  ].sort();
}

function linkLine({ mtu, master = "", address = "" }: Link, name: string): string {
  return name === "veth" ? `link ${name} ${mtu} ${master}` : `link ${name} ${mtu} ${master} ${address}`;
}

/** The state once two looks in a row have seen the same. */
export async function quietState(): Promise<readonly string[]> {
  let before = await machineState();
  for (let waited = 0; waited < SETTLING; waited += BETWEEN_LOOKS) {
    await pause(BETWEEN_LOOKS);
    const now = await machineState();
    if (differences(before, now).length === 0) return now;
    before = now;
  }
  throw new Error("the machine's network does not come to rest");
}

/** What differs from an earlier state, once nothing changes any more; empty: nothing. */
export async function changesSince(
  before: readonly string[],
  options: { readonly anonymous?: boolean } = {},
): Promise<readonly string[]> {
  let found = differences(before, await machineState(options));
  for (let waited = 0; found.length > 0 && waited < SETTLING; waited += BETWEEN_LOOKS) {
    await pause(BETWEEN_LOOKS);
    found = differences(before, await machineState(options));
  }
  return found;
}

/** Lines count as often as they occur. */
function differences(before: readonly string[], after: readonly string[]): readonly string[] {
  const count = new Map<string, number>();
  for (const line of after) count.set(line, (count.get(line) ?? 0) + 1);
  for (const line of before) count.set(line, (count.get(line) ?? 0) - 1);
  return [...count].flatMap(([line, times]) => (times === 0 ? [] : [`${times > 0 ? "more" : "less"}: ${line}`]));
}
