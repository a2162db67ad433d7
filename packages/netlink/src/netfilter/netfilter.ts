import type { Cidr, Family, IpAddress } from "@holdfast/core";

/**
 * What changes often in netfilter: elements of nftables' sets and maps, chains and their rules, and marks of connections. All of it takes fractions of a
 * millisecond for each, whatever else a table has; nft(8) reads what is there before it changes anything.
 */
export interface Netfilter {
  /**
   * Changes a table in one transaction: all or nothing, in this order, and no packet sees a part of it.
   *
   * @throws KernelError; `ENOENT` when a table, or something that is to be deleted or led to, is not there.
   * @throws TypeError when a rule has words that are not known here.
   */
  change(table: string, changes: readonly TableChange[]): void;
  /** Whether there is a table, e.g. `"inet holdfast_policy"`. */
  hasTable(name: TableName): boolean;
  /** A chain of a table; undefined when there is none. */
  readChain(table: string, chain: string): ChainContents | undefined;
  /**
   * What others take out of nftables from now on, until the signal is aborted: nft(8) that this process has started among them. `overrun`: more than
   * could be told.
   */
  removals(signal: AbortSignal): AsyncIterable<Removal | "overrun">;
  /** What a table has, of the family `inet` unless another is named; undefined when there is none. */
  readTable(table: string, family?: TableFamily): TableContents | undefined;
  /** Of a set of intervals, joined where they touch no other and are prefixes; `"other"`: it has something that is no prefix. */
  readPrefixes(table: string, set: string, family: Family): readonly Cidr[] | "other";
  /** Of a set of single addresses. */
  readAddresses(table: string, set: string): readonly IpAddress[];
  /** Of a map from interfaces to chains: the chain by the interface's name. */
  readTargets(table: string, map: string): ReadonlyMap<string, string>;
  readCounters(table: string, family?: TableFamily): readonly NetfilterCounter[];
  /** Keys of a set's elements, as the kernel has them. */
  readKeys(table: string, set: string, family?: TableFamily): readonly Uint8Array[];
  /** How many connections the kernel follows in this namespace: microseconds. */
  countConnections(): number;
  /**
   * Connections that the kernel follows, those that the filter chooses; absent: all. It goes through its whole table, which all namespaces share, however few
   * it has: 10 ms where that has 262,144 buckets.
   */
  listConnections(filter?: ConnectionFilter): readonly Connection[];
  /** Sets and clears the bits of `mask` in connections' marks. One that is gone is no news. */
  markConnections(connections: readonly Connection[], value: number, mask: number): void;
  close(): void;
}

export type TableChange = SetChange | ChainChange;

/** Table names are without their family, which is `inet`, e.g. `"holdfast_policy"`. */
export type SetChange =
  /**
   * A set of prefixes, which are intervals, or of single addresses, whose changes cost the same however many there are. One that is there already is
   * success.
   */
  | { readonly kind: "create"; readonly set: string; readonly family: Family; readonly of: "prefixes" | "addresses" }
  | { readonly kind: "delete"; readonly set: string }
  | { readonly kind: "add" | "remove"; readonly set: string; readonly prefixes: readonly Cidr[] }
  | { readonly kind: "add" | "remove"; readonly set: string; readonly addresses: readonly IpAddress[] }
  /** Elements by their keys as the kernel has them; of those of several parts, each is padded to 4 bytes. In the table of another family that is named. */
  | {
      readonly kind: "add" | "remove";
      readonly set: string;
      readonly keys: readonly Uint8Array[];
      readonly family?: TableFamily;
    }
  | { readonly kind: "clear"; readonly set: string }
  /** In a map from interfaces to chains. */
  | { readonly kind: "lead"; readonly map: string; readonly link: string; readonly chain: string }
  | { readonly kind: "unlead"; readonly map: string; readonly link: string };

/** Chains without a hook, in tables of the family `inet`. What is there already may be created again; only what nobody leads to or counts in can be deleted. */
export type ChainChange =
  | { readonly kind: "create-chain" | "flush-chain" | "delete-chain"; readonly chain: string }
  | { readonly kind: "create-counter" | "delete-counter"; readonly counter: string }
  /** `rule`: in words of nft(8), those that `rule-text.ts` knows. */
  | { readonly kind: "append-rule"; readonly chain: string; readonly rule: string; readonly comment?: string };

/** Absent: `inet`. */
export type TableFamily = "inet" | "arp" | "netdev";
/** As nft(8) has it, e.g. `"inet holdfast_policy"`. */
export type TableName = `${TableFamily} ${string}`;

/** Something that is no part of a table any more. */
export interface Removal {
  /** Without its family, e.g. `"holdfast_policy"`. */
  readonly table: string;
  /** `chain`: it, or a rule of it; `set`: it or an element of it; maps are sets. */
  readonly part: "table" | "chain" | "set" | "counter";
  readonly name: string;
}

export interface TableContents {
  /** Rules by chain. */
  readonly chains: ReadonlyMap<string, ChainContents>;
  /** Names of those that have one. */
  readonly sets: ReadonlySet<string>;
  readonly counters: ReadonlySet<string>;
}

export interface ChainContents {
  readonly rules: number;
  /** Of its first rule that has one. */
  readonly comment?: string;
}

export interface NetfilterCounter {
  readonly name: string;
  readonly packets: number;
  readonly bytes: number;
}

/** By one of the two addresses that {@link Connection} names. */
export type ConnectionFilter = { readonly source: IpAddress } | { readonly destination: IpAddress };

/** Of whoever began it. */
export interface Connection {
  readonly source: IpAddress;
  /** Who has got it in the end: behind a translation of the destination. */
  readonly destination: IpAddress;
  /** IP protocol number. */
  readonly protocol: number;
  readonly sourcePort?: number;
  /** Likewise behind the translation. */
  readonly destinationPort?: number;
  /** Of the first message. */
  readonly icmp?: { readonly type: number; readonly code: number };
  readonly mark: number;
  /** Opaque: how the kernel knows it. */
  readonly key: Uint8Array;
}
