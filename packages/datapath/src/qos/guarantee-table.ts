import { HoldfastError, type IpAddress, isHoldfastError, type MacAddress } from "@holdfast/core";
import { rateText } from "@holdfast/model";
import type { Kernel, TrafficControl } from "@holdfast/netlink";
import type { HostTools } from "../machine/host-tools.ts";
import type { TableDefinition } from "../reconcile/operations.ts";
import { type ClassElement, elementsOf, removeUplinkRules, uplinkRules, uplinkTableName } from "./uplink-rules.ts";
import { UplinkTree } from "./uplink-tree.ts";

/** The link that leads to the network outside, and what it carries. */
export interface Uplink {
  /** e.g. `"eth0"`. */
  readonly link: string;
  /** Bits per second. */
  readonly rate: number;
}

/** What an endpoint is to get of the uplink at least. */
export interface GuaranteeRow {
  /** The endpoint's link, whose number says which class is its own. */
  readonly link: string;
  readonly endpoint: string;
  /** Bits per second. */
  readonly rate: number;
  /** By which its packets are known on the uplink: its addresses, where the machine routes them; its MAC, where it switches them. */
  readonly known: readonly (IpAddress | MacAddress)[];
}

export interface GuaranteeTools {
  readonly kernel: Kernel;
  readonly traffic: TrafficControl;
  readonly host: HostTools;
}

export interface GuaranteeOptions {
  /** Begins the names of the driver's links, e.g. `"hfr"`. */
  readonly linkPrefix: string;
  /** Absent: nobody knows what it carries, and no guarantee can be kept. */
  readonly uplink?: Uplink | undefined;
}

/** Guarantees of endpoints: a class of the uplink for each. All others share what is left. */
export function guaranteeTable(
  { kernel, traffic, host }: GuaranteeTools,
  { linkPrefix, uplink }: GuaranteeOptions,
): TableDefinition<GuaranteeRow> {
  const table = uplinkTableName(linkPrefix);
  const tree = new UplinkTree({ kernel, traffic }, linkPrefix);
  const classes = new Map<number, GuaranteeRow>();
  /** As the kernel has them. */
  let elements: ReadonlyMap<string, string> | undefined;

  async function read(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    elements ??= elementsOf(await list(signal));
    return elements;
  }

  async function list(signal: AbortSignal): Promise<string> {
    try {
      return await host.nft(`list table netdev ${table}\n`, signal);
    } catch (error) {
      if (isHoldfastError(error, "kernel_rejected") || isHoldfastError(error, "unavailable")) return "";
      throw error;
    }
  }

  /** Leads packets of exactly these into their classes; nobody's class is left empty-handed on the way. */
  async function write(on: string, wanted: ReadonlyMap<string, string>, signal: AbortSignal): Promise<void> {
    const has = await read(signal);
    const change = (one: ReadonlyMap<string, string>, other: ReadonlyMap<string, string>): ClassElement[] =>
      [...one].filter(([key, value]) => other.get(key) !== value).map(([key, value]) => ({ key, class: value }));
    const [gone, come] = [change(has, wanted), change(wanted, has)];
    if (gone.length + come.length === 0 && has.size > 0) return;
    elements = undefined;
    await host.nft(uplinkRules(table, { link: on, ifb: tree.ifb, isNew: has.size === 0 }, { gone, come }), signal);
    elements = wanted;
  }

  async function takeAway(rows: readonly GuaranteeRow[], signal: AbortSignal): Promise<void> {
    for (const { link } of rows) classes.delete(tree.minorOf(link));
    if (classes.size === 0 || uplink === undefined) {
      // What is led nowhere else goes its own way again, and then the queues go.
      await host.nft(removeUplinkRules(table), signal);
      elements = new Map();
      await tree.remove();
      return;
    }
    await write(uplink.link, wantedElements(), signal);
    for (const { link } of rows) tree.removeClass(link);
  }

  function wantedElements(): ReadonlyMap<string, string> {
    const wanted = [...classes.values()].flatMap((row) =>
      row.known.map((key): readonly [string, string] => [key, tree.classText(row.link)]),
    );
    return new Map(wanted);
  }

  function admit(row: GuaranteeRow): Uplink {
    const { endpoint, rate, link } = row;
    const refuse = (why: string): never => {
      throw new HoldfastError("precondition_failed", `the guarantee of endpoint ${endpoint} is not kept: ${why}`);
    };
    if (uplink === undefined) return refuse("this agent was not told what its uplink carries (--uplink-rate)");
    const holder = classes.get(tree.minorOf(link));
    if (holder !== undefined && holder.link !== link) return refuse(`link ${holder.link} has its class`);
    const others = [...classes.values()].filter((one) => one.link !== link).reduce((sum, one) => sum + one.rate, 0);
    if (others + rate > uplink.rate) {
      const text = `${rateText(uplink.rate)} of ${uplink.link} less ${rateText(others)} of others leave no ${rateText(rate)}`;
      return refuse(`${text}; move it to another node, or guarantee less`);
    }
    return uplink;
  }

  return {
    name: "guarantees",
    key: ({ link }) => link,
    same: (a, b) => JSON.stringify(a) === JSON.stringify(b),
    operations: {
      async update(rows, signal) {
        for (const row of rows) {
          const on = admit(row);
          await tree.raise(on);
          tree.setClass(row.link, { rate: row.rate, ceiling: on.rate });
          classes.set(tree.minorOf(row.link), row);
          await write(on.link, wantedElements(), signal);
        }
      },
      remove: takeAway,
      async prune(desired, signal) {
        elements = undefined;
        const minors = new Set(desired.map(({ link }) => tree.minorOf(link)));
        for (const minor of [...classes.keys()]) if (!minors.has(minor)) classes.delete(minor);
        if (classes.size > 0 && uplink !== undefined) {
          await write(uplink.link, wantedElements(), signal);
          tree.pruneClasses(new Set(classes.keys()));
        } else if ((await read(signal)).size > 0 || (await tree.isThere())) await takeAway([], signal);
      },
    },
  };
}
