import { HoldfastError, type IpAddress } from "@holdfast/core";
import { rateText } from "@holdfast/model";
import type { Kernel, Netfilter, TrafficControl } from "@holdfast/netlink";
import type { HostTools } from "../machine/host-tools.ts";
import type { KnownTable } from "./known-table.ts";
import { paceOf, takenBy } from "./uplink-bypass.ts";
import {
  elementCommands,
  elementsOf,
  elementsOfClass,
  elementsOfOthers,
  rateAside,
  type SenderKey,
  type UplinkElements,
} from "./uplink-elements.ts";
import { removeUplinkRules, uplinkSkeleton, uplinkTableName } from "./uplink-rules.ts";
import type { UplinkShare } from "./uplink-share.ts";
import { leastRate, UplinkTree } from "./uplink-tree.ts";

/** The link that leads to the network outside, and what it carries. */
export interface Uplink {
  /** e.g. `"eth0"`. */
  readonly link: string;
  /** Bits per second. */
  readonly rate: number;
  /** Absent: no other driver sends by it. */
  readonly share?: UplinkShare;
}

/** What an endpoint is to get of the uplink at least. */
export interface GuaranteeRow {
  /** The endpoint's link, whose number says which class is its own. */
  readonly link: string;
  readonly endpoint: string;
  /** Bits per second. */
  readonly rate: number;
  /** By which its packets are known on the uplink: its addresses, where the machine routes them; its MAC, where it switches them, with the network's number in a tunnel. */
  readonly known: readonly SenderKey[];
}

export interface GuaranteeTools {
  readonly kernel: Kernel;
  readonly traffic: TrafficControl;
  readonly netfilter: Pick<Netfilter, "hasTable">;
  readonly host: Pick<HostTools, "nft">;
}

export interface GuaranteeOptions {
  /** Begins the names of the driver's links, e.g. `"hfr"`. */
  readonly linkPrefix: string;
  /** Absent: nobody knows what it carries, and no guarantee can be kept. */
  readonly uplink?: Uplink | undefined;
  /** From which the machine sends VXLAN packets. Absent: it sends none. */
  readonly tunnelAddress?: IpAddress | undefined;
}

/** Guarantees of endpoints: a class of the uplink for each. All others share what is left. */
export function guaranteeTable(
  { kernel, traffic, netfilter, host }: GuaranteeTools,
  { linkPrefix, uplink, tunnelAddress }: GuaranteeOptions,
): KnownTable<GuaranteeRow> {
  const table = uplinkTableName(linkPrefix);
  const tree = new UplinkTree({ kernel, traffic }, linkPrefix);
  /** Those that were admitted, by the minor of their class. */
  const classes = new Map<number, GuaranteeRow>();
  const skeleton = uplink && uplinkSkeleton(table, { link: uplink.link, ifb: tree.ifb, tunnelAddress });
  /** As the kernel has them. */
  let elements: UplinkElements | undefined;
  /** The rules there are these, and not another version's. */
  let areOurs = false;

  async function read(signal: AbortSignal): Promise<UplinkElements> {
    if (elements !== undefined) return elements;
    const has = netfilter.hasTable(`netdev ${table}`);
    const text = has ? await host.nft(`list table netdev ${table}\n`, signal) : "";
    areOurs = skeleton !== undefined && text.includes(skeleton.comment);
    elements = elementsOf(text);
    return elements;
  }

  /** Leads packets of exactly these into their classes, in one transaction. */
  async function write(next: UplinkElements, isNew: boolean, signal: AbortSignal): Promise<void> {
    const before = await read(signal);
    const has: UplinkElements = isNew || !areOurs ? new Map() : before;
    const commands = elementCommands(table, has, next);
    if (commands === "" && !isNew) return;
    // Whatever becomes of it, it is read again when it fails.
    elements = undefined;
    const rules = has.size === 0 ? (skeleton?.script ?? "") : "";
    await host.nft(rules + commands, signal);
    [elements, areOurs] = [next, true];
  }

  async function put(row: GuaranteeRow, signal: AbortSignal): Promise<void> {
    const on = admit(row);
    const own = tree.classText(row.link);
    // What an earlier run has left of others stays until it is known that nobody comes for it.
    const others = elementsOfOthers(await read(signal), (each) => each === own);
    const { known, rate } = row;
    const next = new Map([...others, ...elementsOfClass(own, { known, pace: paceOf(rate) })]);
    // A queue that has come again is another one to the rules.
    const isNew = await tree.raise({ rate: on.rate, aside: rateAside(next) });
    tree.setClass(row.link, { rate, ceiling: on.rate });
    classes.set(tree.minorOf(row.link), row);
    await write(next, isNew, signal);
  }

  async function take(links: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    // One that was refused because another link has its class has nothing that could go.
    const own = [...links].filter((link) => (classes.get(tree.minorOf(link))?.link ?? link) === link);
    for (const link of own) classes.delete(tree.minorOf(link));
    const gone = new Set(own.map((link) => tree.classText(link)));
    const next = new Map(elementsOfOthers(await read(signal), (each) => gone.has(each)));
    if (next.size === 0 || uplink === undefined) return await takeAll(signal);
    await write(next, false, signal);
    await tree.setAside(rateAside(next));
    for (const link of own) tree.removeClass(link);
  }

  /** What was led to the queues goes its own way again, and then they go. */
  async function takeAll(signal: AbortSignal): Promise<void> {
    elements = undefined;
    if (netfilter.hasTable(`netdev ${table}`)) await host.nft(removeUplinkRules(table), signal);
    await tree.remove();
    uplink?.share?.leave(linkPrefix);
  }

  function admit(row: GuaranteeRow): Uplink {
    const { endpoint, rate, link } = row;
    const refuse = (why: string): never => {
      throw new HoldfastError("precondition_failed", `the guarantee of endpoint ${endpoint} is not kept: ${why}`);
    };
    if (uplink === undefined) return refuse("this agent was not told what its uplink carries (--uplink-rate)");
    const holder = classes.get(tree.minorOf(link));
    if (holder !== undefined && holder.link !== link) return refuse(`link ${holder.link} has its class`);
    // An HTB lets a class have its rate whatever is left above it, so that all of them have to fit.
    const others = [...classes.values()].filter((one) => one.link !== link);
    const taken = others.reduce((sum, one) => sum + takenBy(one.rate), leastRate(uplink.rate));
    if (taken + takenBy(rate) > uplink.rate) {
      const text = `${rateText(uplink.rate)} of ${uplink.link} less ${rateText(Math.round(taken / 1000) * 1000)} of others leave no ${rateText(rate)} and what is set aside of it`;
      return refuse(`${text}; move it to another node, or guarantee less`);
    }
    if (uplink.share?.take(linkPrefix) === false) {
      const text = `${uplink.link} keeps guarantees of routed networks, or of VLAN and VXLAN networks, and this node has one of the other kind already`;
      return refuse(`${text}; move it to another node`);
    }
    return uplink;
  }

  return {
    forget() {
      elements = undefined;
    },
    definition: {
      name: "guarantees",
      key: ({ link }) => link,
      same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
      operations: {
        async update(rows, signal) {
          for (const row of rows) await put(row, signal);
        },
        remove: (rows, signal) => take(new Set(rows.map(({ link }) => link)), signal),
        async prune(desired, signal) {
          elements = undefined;
          const kept = desired.filter(({ link }) => classes.get(tree.minorOf(link))?.link === link);
          if (kept.length === 0 || uplink === undefined) return await takeAll(signal);
          const texts = new Set(kept.map(({ link }) => tree.classText(link)));
          const next = new Map(elementsOfOthers(await read(signal), (each) => !texts.has(each)));
          await write(next, false, signal);
          await tree.setAside(rateAside(next));
          tree.pruneClasses(new Set(kept.map(({ link }) => tree.minorOf(link))));
        },
      },
    },
  };
}
