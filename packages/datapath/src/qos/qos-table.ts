import type { Kernel, Netfilter, TrafficControl } from "@holdfast/netlink";
import { readAlias } from "../links/link-alias.ts";
import type { HostTools } from "../machine/host-tools.ts";
import type { RowRef, TableDefinition } from "../reconcile/operations.ts";
import type { KnownTable } from "./known-table.ts";
import { DIRECTIONS, type Direction, linkOfQueue, type QosRow, queueName, sameRow } from "./qos-row.ts";
import {
  chainDigest,
  chainsOf,
  linkOfChain,
  type QosFamily,
  type QueueIndices,
  removeChain,
  setChain,
} from "./qos-rules.ts";
import { Shaper } from "./shaper.ts";

export interface QosTools {
  readonly kernel: Kernel;
  readonly traffic: TrafficControl;
  readonly netfilter: Netfilter;
  readonly host: HostTools;
}

export interface QosTableOptions {
  /** Begins the names of the driver's links, e.g. `"hfr"`. */
  readonly linkPrefix: string;
  /** Table and key of a link's own row. */
  readonly linkRow: (link: string) => RowRef;
  /** Whose packets the data path lets wait; those of the other directions it has to see to itself. */
  readonly shapes: readonly Direction[];
}

/** Nft tables of a driver, in the families `netdev` and `inet`: whatever is in them is ours. */
export function qosTableName(linkPrefix: string): string {
  return `holdfast_qos_${linkPrefix}`;
}

/** Limits and marks of endpoints' links: the queues, and the rules that lead to them. */
export function qosTable(
  { kernel, traffic, netfilter, host }: QosTools,
  { linkPrefix, linkRow, shapes }: QosTableOptions,
): KnownTable<QosRow> {
  const table = qosTableName(linkPrefix);
  const shaper = new Shaper({ kernel, traffic, host });
  /** Digests by chain, per family, as the kernel has them. */
  let known: Record<QosFamily, Map<string, string>> | undefined;
  const read = () => {
    known ??= { netdev: readChains(netfilter, table, "netdev"), inet: readChains(netfilter, table, "inet") };
    return known;
  };

  async function shape({ link, endpoint, qos }: QosRow): Promise<QueueIndices> {
    const indices: Partial<Record<Direction, number>> = {};
    for (const direction of shapes) {
      const limit = qos[direction];
      if (limit?.rate === undefined) continue;
      const shaped = { link, direction, endpoint, limit: { ...limit, rate: limit.rate } };
      indices[direction] = await shaper.set(shaped);
    }
    return indices;
  }

  function queueNames({ link, qos }: QosRow): readonly string[] {
    return shapes.filter((each) => qos[each]?.rate !== undefined).map((each) => queueName(link, each));
  }

  /** What is not led to any more goes, with what is still in it first. */
  async function dropQueues(link: string, kept: QueueIndices): Promise<void> {
    for (const direction of DIRECTIONS) {
      const queue = queueName(link, direction);
      if (kept[direction] === undefined && (await kernel.getLink(queue)) !== undefined) await shaper.remove(queue);
    }
  }

  /** All in one transaction; what is right is left out. */
  async function write(links: ReadonlyMap<string, readonly Chain[]>, signal: AbortSignal): Promise<void> {
    const has = read();
    const wanted = [...links.values()].flat();
    const changed = wanted.filter(({ chain, digest }) => has[chain.family].get(chain.name) !== digest);
    const names = new Set(wanted.map(({ chain }) => `${chain.family} ${chain.name}`));
    const gone = FAMILIES.flatMap((family) =>
      [...has[family].keys()]
        .filter((name) => links.has(linkOfChain(name)) && !names.has(`${family} ${name}`))
        .map((name) => ({ family, name })),
    );
    if (changed.length + gone.length === 0) return;
    const left = structuredClone(has);
    for (const { family, name } of gone) left[family].delete(name);
    for (const { chain, digest } of changed) left[chain.family].set(chain.name, digest);
    const emptied = FAMILIES.filter((family) => has[family].size > 0 && left[family].size === 0);
    const script = [
      ...changed.map(({ chain, digest }) => setChain(table, chain, digest)),
      ...gone.map(({ family, name }) => removeChain(table, family, name)),
      ...emptied.map((family) => `delete table ${family} ${table}\n`),
    ];
    // Whatever becomes of it, it is read again when it fails.
    known = undefined;
    await host.nft(script.join(""), signal);
    known = left;
  }

  async function remove(links: readonly string[], signal: AbortSignal): Promise<void> {
    await write(new Map(links.map((link) => [link, []])), signal);
    await Promise.all(links.map((link) => dropQueues(link, {})));
  }

  const definition: TableDefinition<QosRow> = {
    name: "qos",
    key: ({ link }) => link,
    same: sameRow,
    needs: ({ link }) => [linkRow(link)],
    operations: {
      async update(rows, signal) {
        const shaped = new Map<string, QueueIndices>();
        for (const row of rows) shaped.set(row.link, await shape(row));
        const chains = rows.map((row): readonly [string, readonly Chain[]] => {
          const queues = shaped.get(row.link) ?? {};
          return [
            row.link,
            chainsOf(table, row, queues).map((chain) => ({ chain, digest: chainDigest(chain, queues) })),
          ];
        });
        await write(new Map(chains), signal);
        await Promise.all(rows.map(({ link }) => dropQueues(link, shaped.get(link) ?? {})));
      },
      async remove(rows, signal) {
        await remove(
          rows.map(({ link }) => link),
          signal,
        );
      },
      async prune(desired, signal) {
        known = undefined;
        const wanted = new Set(desired.map(({ link }) => link));
        const queues = await queueLinks(kernel, linkPrefix);
        const chained = FAMILIES.flatMap((family) => [...read()[family].keys()].map(linkOfChain));
        const present = new Set([...chained, ...queues.map(({ link }) => link)]);
        const strangers = [...present].filter((link) => link.startsWith(linkPrefix) && !wanted.has(link));
        if (strangers.length > 0) await remove(strangers, signal);
        // Others of links that are wanted: of a version that had other ones.
        const names = new Set(desired.flatMap(queueNames));
        for (const { name } of queues) if (!names.has(name)) await shaper.remove(name);
      },
    },
  };
  return {
    definition,
    forget() {
      known = undefined;
    },
  };
}

interface Chain {
  readonly chain: ReturnType<typeof chainsOf>[number];
  readonly digest: string;
}

const FAMILIES = ["netdev", "inet"] as const satisfies readonly QosFamily[];

/** Chains of links alone: the others stand and go with them. */
function readChains(netfilter: Netfilter, table: string, family: QosFamily): Map<string, string> {
  const chains = netfilter.readTable(table, family)?.chains ?? new Map<string, { readonly comment?: string }>();
  return new Map(
    [...chains].filter(([name]) => !name.startsWith("begun-")).map(([name, { comment = "" }]) => [name, comment]),
  );
}

interface QueueLink {
  readonly name: string;
  /** Whose packets wait in it. */
  readonly link: string;
}

/** Links of ours in which packets of endpoints' links wait. */
export async function queueLinks(kernel: Kernel, linkPrefix: string): Promise<readonly QueueLink[]> {
  return (await kernel.listLinks()).flatMap(({ name, alias }) => {
    const link = name.startsWith(linkPrefix) ? linkOfQueue(name) : undefined;
    return link === undefined || readAlias(alias) === undefined ? [] : [{ name, link }];
  });
}
