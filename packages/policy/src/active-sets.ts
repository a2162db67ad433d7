import { Cidr, type IpAddress, type Name } from "@holdfast/core";
import { ChoiceIndex } from "./choice-index.ts";
import { PrefixSet } from "./prefix-set.ts";
import type { SetEdit, SetId } from "./rule-program.ts";
import { selects } from "./selector.ts";
import { type SetSource, setIdOf, sourceKey } from "./set-source.ts";
import { isMember, isOnPlatform, type Member, type PolicyGroup, type PolicyNetwork } from "./world.ts";

/** Where members of sets are read when a set comes into use. */
export interface SetContents {
  members(tenant: Name): Iterable<Member>;
  networks(tenant?: Name): Iterable<PolicyNetwork>;
  network(tenant: Name, name: Name): PolicyNetwork | undefined;
  group(tenant: Name, name: Name): PolicyGroup | undefined;
  entries(tenant: Name, set: Name): Iterable<Cidr>;
}

const FAMILIES = ["v4", "v6"] as const;

interface ActiveSet {
  readonly source: SetSource;
  users: number;
  readonly v4: PrefixSet;
  readonly v6: PrefixSet;
}

/** The sets that rules refer to, with their members; nothing is kept of what no rule refers to. */
export class ActiveSets {
  readonly #contents: SetContents;
  readonly #sets = new Map<string, ActiveSet>();
  /** Sets of claims, by tenant. */
  readonly #choosing = new Map<Name, ChoiceIndex<ActiveSet>>();
  /** What has changed and was not taken yet. */
  readonly #edits = new Map<SetId, { readonly add: Set<Cidr>; readonly remove: Set<Cidr> }>();

  /** Since it was taken last: what nobody followed for a moment, and what of it somebody refers to again. */
  readonly #ended = new Set<string>();
  #begun = new Set<SetId>();

  constructor(contents: SetContents) {
    this.#contents = contents;
  }

  /** Somebody refers to it from now on. Members that it has then are no edits. */
  use(source: SetSource): void {
    const key = sourceKey(source);
    const there = this.#sets.get(key);
    if (there !== undefined) {
      there.users++;
      return;
    }
    const set: ActiveSet = { source, users: 1, v4: new PrefixSet("v4"), v6: new PrefixSet("v6") };
    this.#sets.set(key, set);
    this.#index(set);
    if (this.#ended.has(key)) for (const family of FAMILIES) this.#begun.add(setIdOf(source, family));
    for (const prefix of this.#initial(source)) ofFamily(set, prefix).add(prefix);
  }

  /** The other way: without anybody, it is gone. */
  drop(source: SetSource): void {
    const key = sourceKey(source);
    const set = this.#sets.get(key);
    if (set === undefined || --set.users > 0) return;
    this.#sets.delete(key);
    this.#unindex(set);
    this.#ended.add(key);
    for (const family of FAMILIES) this.#edits.delete(setIdOf(source, family));
  }

  /** Undefined: nobody refers to it. */
  members(id: SetId): Iterable<Cidr> | undefined {
    return this.#ofId(id)?.outermost();
  }

  has(id: SetId, address: IpAddress): boolean {
    return this.#ofId(id)?.has(address) ?? false;
  }

  /** A claim has come, gone or changed. */
  changeMember(before: Member | undefined, after: Member | undefined): void {
    const tenant = (before ?? after)?.tenant;
    const index = tenant === undefined ? undefined : this.#choosing.get(tenant);
    if (index === undefined) return;
    const candidates = new Set(before === undefined ? [] : index.candidates(before));
    if (after !== undefined) for (const set of index.candidates(after)) candidates.add(set);
    for (const set of candidates) this.#replace(set, this.#addressesIn(set, before), this.#addressesIn(set, after));
  }

  /** A group has other members; `rest` is done between taking the former ones and reading the new ones. */
  changeGroup(tenant: Name, group: Name, rest: () => void): void {
    const sets = [true, false]
      .map((foreign) => this.#sets.get(sourceKey({ kind: "group", tenant, group, foreign })))
      .filter((set) => set !== undefined);
    for (const set of sets) this.#unindex(set);
    const before = sets.map((set) => this.#initial(set.source));
    rest();
    for (const [index, set] of sets.entries()) {
      this.#index(set);
      this.#replace(set, before[index] ?? [], this.#initial(set.source));
    }
  }

  /** A network has come, gone or has other prefixes. */
  changeNetwork(before: PolicyNetwork | undefined, after: PolicyNetwork | undefined): void {
    const network = before ?? after;
    if (network === undefined) return;
    const { tenant, name } = network;
    const of = (one: PolicyNetwork | undefined, when: (one: PolicyNetwork) => boolean) =>
      one !== undefined && when(one) ? one.prefixes : [];
    const change = (source: SetSource, when: (one: PolicyNetwork) => boolean) => {
      const set = this.#sets.get(sourceKey(source));
      if (set !== undefined) this.#replace(set, of(before, when), of(after, when));
    };
    change({ kind: "platform" }, isOnPlatform);
    change({ kind: "tenant", tenant, foreign: false }, () => true);
    change({ kind: "tenant", tenant, foreign: true }, isOnPlatform);
    change({ kind: "network", tenant, network: name }, () => true);
  }

  /** Entries of an address set have come and gone. */
  changeEntries(
    tenant: Name,
    name: Name,
    change: { readonly add: Iterable<Cidr>; readonly remove: Iterable<Cidr> },
  ): void {
    const set = this.#sets.get(sourceKey({ kind: "addresses", tenant, set: name }));
    if (set !== undefined) this.#replace(set, change.remove, change.add);
  }

  /** Since it was asked last: what has changed in sets that were in use, and which nobody followed for a moment. */
  take(): { readonly setEdits: SetEdit[]; readonly setsBegun: ReadonlySet<SetId> } {
    const setEdits = [...this.#edits]
      .map(([id, { add, remove }]) => ({ id, remove: [...remove], add: [...add] }))
      .filter(({ add, remove }) => add.length + remove.length > 0);
    const setsBegun = this.#begun;
    this.#edits.clear();
    this.#begun = new Set();
    this.#ended.clear();
    return { setEdits, setsBegun };
  }

  #ofId(id: SetId): PrefixSet | undefined {
    const cut = id.lastIndexOf("/");
    const set = this.#sets.get(id.slice(0, cut));
    return id.slice(cut + 1) === "v4" ? set?.v4 : set?.v6;
  }

  #initial(source: SetSource): readonly Cidr[] {
    switch (source.kind) {
      case "platform":
        return [...this.#contents.networks()].filter(isOnPlatform).flatMap(({ prefixes }) => prefixes);
      case "tenant":
        return [...this.#contents.networks(source.tenant)]
          .filter((network) => !source.foreign || isOnPlatform(network))
          .flatMap(({ prefixes }) => prefixes);
      case "network":
        return this.#contents.network(source.tenant, source.network)?.prefixes ?? [];
      case "addresses":
        return [...this.#contents.entries(source.tenant, source.set)];
      case "group":
      case "selector":
        return [...this.#contents.members(source.tenant)].flatMap((member) => this.#addressesIn({ source }, member));
    }
  }

  #addressesIn({ source }: Pick<ActiveSet, "source">, member: Member | undefined): readonly Cidr[] {
    if (member === undefined || !this.#chooses(source, member)) return [];
    return member.addresses.map(Cidr.host);
  }

  #chooses(source: SetSource, member: Member): boolean {
    if (source.kind === "selector") {
      return selects(source.selector, member.labels) && (source.networks?.includes(member.network) ?? true);
    }
    if (source.kind !== "group") return false;
    const group = this.#contents.group(source.tenant, source.group);
    if (group === undefined || !isMember(group, member)) return false;
    const network = source.foreign ? this.#contents.network(member.tenant, member.network) : undefined;
    return !source.foreign || (network !== undefined && isOnPlatform(network));
  }

  /** Each as often as it is there: two networks may have the same prefix. */
  #replace(set: ActiveSet, before: Iterable<Cidr>, after: Iterable<Cidr>): void {
    const kept = new Map<Cidr, number>();
    for (const prefix of after) kept.set(prefix, (kept.get(prefix) ?? 0) + 1);
    for (const prefix of before) {
      const times = kept.get(prefix) ?? 0;
      if (times > 0) kept.set(prefix, times - 1);
      else this.#note(set, prefix, ofFamily(set, prefix).delete(prefix));
    }
    for (const [prefix, times] of kept) {
      for (let time = 0; time < times; time++) this.#note(set, prefix, ofFamily(set, prefix).add(prefix));
    }
  }

  #note(
    { source }: ActiveSet,
    prefix: Cidr,
    change: { readonly add: readonly Cidr[]; readonly remove: readonly Cidr[] },
  ): void {
    const id = setIdOf(source, Cidr.family(prefix));
    const edit = this.#edits.getOrInsertComputed(id, () => ({ add: new Set<Cidr>(), remove: new Set<Cidr>() }));
    for (const gone of change.remove) if (!edit.add.delete(gone)) edit.remove.add(gone);
    for (const come of change.add) if (!edit.remove.delete(come)) edit.add.add(come);
  }

  #index(set: ActiveSet): void {
    const { source } = set;
    if (source.kind !== "group" && source.kind !== "selector") return;
    const index = this.#choosing.getOrInsertComputed(source.tenant, () => new ChoiceIndex<ActiveSet>());
    index.add(set, this.#choiceOf(source));
  }

  #unindex(set: ActiveSet): void {
    const { source } = set;
    if (source.kind !== "group" && source.kind !== "selector") return;
    this.#choosing.get(source.tenant)?.delete(set, this.#choiceOf(source));
  }

  #choiceOf(source: Extract<SetSource, { kind: "group" | "selector" }>) {
    if (source.kind === "selector") return { selector: source.selector };
    const group = this.#contents.group(source.tenant, source.group);
    return { selector: group?.selector, identities: group?.identities, group: source.group };
  }
}

function ofFamily(set: ActiveSet, prefix: Cidr): PrefixSet {
  return set[Cidr.family(prefix)];
}
