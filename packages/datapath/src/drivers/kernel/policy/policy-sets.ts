import { Cidr, type Family, type IpAddress } from "@holdfast/core";
import type { Netfilter, SetChange } from "@holdfast/netlink";
import { type PolicyChange, PrefixSet, type SetEdit, type SetId } from "@holdfast/policy";
import { kernelSets, POLICY_TABLE, setOfKernel } from "./names.ts";

/** Members that one transaction changes: a larger one would keep everybody else waiting. */
const AT_ONCE = 5000;

/** Sets of addresses, here and in the kernel. */
export class PolicySets {
  readonly #netfilter: Netfilter;
  readonly #members = new Map<SetId, PrefixSet>();

  constructor(netfilter: Netfilter) {
    this.#netfilter = netfilter;
  }

  has(id: SetId): boolean {
    return this.#members.has(id);
  }

  contains(id: SetId, address: IpAddress): boolean {
    return this.#members.get(id)?.has(address) ?? false;
  }

  /** Whether the kernel's set of this name is a part of one of these. */
  owns(name: string): boolean {
    const id = setOfKernel(name);
    return id !== undefined && this.#members.has(id);
  }

  /** Takes over what the kernel has under these ids, so that only what differs is written. */
  recover(sets: PolicyChange["sets"], present: ReadonlySet<string>): void {
    for (const { id, family } of sets) {
      const { addresses, prefixes } = kernelSets(id);
      if (this.#members.has(id) || !(present.has(addresses) || present.has(prefixes))) continue;
      this.#netfilter.change(POLICY_TABLE, createChanges(id, family));
      const hosts = this.#netfilter.readAddresses(POLICY_TABLE, addresses).map(Cidr.host);
      this.#members.set(id, setOf(family, [...hosts, ...this.#prefixesOf(prefixes, family)]));
    }
  }

  #prefixesOf(set: string, family: Family): readonly Cidr[] {
    const found = this.#netfilter.readPrefixes(POLICY_TABLE, set, family);
    if (found !== "other" && !found.some(Cidr.isHost)) return found;
    this.#netfilter.change(POLICY_TABLE, [{ kind: "clear", set }]);
    return [];
  }

  /** What a change is, beyond what is there. */
  editsOf({ sets, setEdits }: PolicyChange): readonly SetEdit[] {
    const whole = sets.map(({ id, family, members }): SetEdit => {
      const before = this.#members.get(id) ?? new PrefixSet(family);
      const wanted = new Set(members);
      const remove = [...before.outermost()].filter((member) => !wanted.has(member));
      return { id, remove, add: members.filter((member) => !before.includes(member)) };
    });
    const edits = setEdits.map(({ id, remove, add }): SetEdit => {
      const before = this.#members.get(id);
      return {
        id,
        remove: remove.filter((member) => before?.includes(member)),
        add: add.filter((member) => !before?.includes(member) || remove.includes(member)),
      };
    });
    return [...whole, ...edits];
  }

  /** Makes those that are not there. */
  create(sets: PolicyChange["sets"]): void {
    const missing = sets.filter(({ id }) => !this.#members.has(id));
    this.#netfilter.change(
      POLICY_TABLE,
      missing.flatMap(({ id, family }) => createChanges(id, family)),
    );
    for (const { id, family } of missing) this.#members.set(id, new PrefixSet(family));
  }

  /** Small edits in one transaction; a set of many members in several, between which others have their turn. */
  async edit(edits: readonly SetEdit[]): Promise<void> {
    let open: SetEdit[] = [];
    let size = 0;
    for (const edit of edits) {
      for (const portion of portionsOf(edit)) {
        const more = portion.add.length + portion.remove.length;
        if (size + more > AT_ONCE) {
          this.#commit(open);
          [open, size] = [[], 0];
          await new Promise<void>((resolve) => void setImmediate(resolve));
        }
        open.push(portion);
        size += more;
      }
    }
    this.#commit(open);
  }

  delete(ids: readonly SetId[]): void {
    const present = ids.filter((id) => this.#members.has(id));
    this.#netfilter.change(
      POLICY_TABLE,
      present.flatMap((id) => Object.values(kernelSets(id))).map((set): SetChange => ({ kind: "delete", set })),
    );
    for (const id of present) this.#members.delete(id);
  }

  /** All of them, to be made again. */
  everything(): PolicyChange["sets"] {
    return [...this.#members].map(([id, members]) => ({
      id,
      family: members.family,
      members: [...members.outermost()],
    }));
  }

  /** The kernel has none any more. */
  forget(): void {
    this.#members.clear();
  }

  #commit(edits: readonly SetEdit[]): void {
    this.#netfilter.change(
      POLICY_TABLE,
      edits.flatMap(({ id, remove, add }) => [
        ...memberChanges("remove", id, remove),
        ...memberChanges("add", id, add),
      ]),
    );
    for (const { id, remove, add } of edits) {
      const members = this.#members.get(id);
      for (const member of remove) members?.delete(member);
      for (const member of add) members?.add(member);
    }
  }
}

function createChanges(id: SetId, family: Family): readonly SetChange[] {
  const { addresses, prefixes } = kernelSets(id);
  return [
    { kind: "create", set: addresses, family, of: "addresses" },
    { kind: "create", set: prefixes, family, of: "prefixes" },
  ];
}

function memberChanges(kind: "add" | "remove", id: SetId, members: readonly Cidr[]): readonly SetChange[] {
  const { addresses, prefixes } = kernelSets(id);
  const hosts = members.filter(Cidr.isHost).map(Cidr.first);
  const others = members.filter((member) => !Cidr.isHost(member));
  return [
    ...(hosts.length === 0 ? [] : [{ kind, set: addresses, addresses: hosts }]),
    ...(others.length === 0 ? [] : [{ kind, set: prefixes, prefixes: others }]),
  ];
}

function setOf(family: Family, prefixes: readonly Cidr[]): PrefixSet {
  const members = new PrefixSet(family);
  for (const prefix of prefixes) members.add(prefix);
  return members;
}

/** What is removed and what is added in its place goes together. */
function* portionsOf({ id, remove, add }: SetEdit): Generator<SetEdit, void> {
  if (remove.length > 0 || add.length <= AT_ONCE) {
    yield { id, remove, add };
    return;
  }
  for (let from = 0; from < add.length; from += AT_ONCE) {
    yield { id, remove: [], add: add.slice(from, from + AT_ONCE) };
  }
}
