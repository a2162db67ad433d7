import type { Cidr, Family, IpAddress } from "@holdfast/core";
import type { Netfilter, SetChange } from "@holdfast/netlink";
import { type PolicyChange, PrefixSet, type SetEdit, type SetId } from "@holdfast/policy";
import { POLICY_TABLE } from "./names.ts";

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

  /** Takes over what the kernel has under these ids, so that only what differs is written. */
  recover(sets: PolicyChange["sets"], present: ReadonlySet<string>): void {
    for (const { id, family } of sets) {
      if (this.#members.has(id) || !present.has(id)) continue;
      let found = this.#netfilter.readPrefixes(POLICY_TABLE, id, family);
      if (found === "other") {
        this.#netfilter.change(POLICY_TABLE, [{ kind: "clear", set: id }]);
        found = [];
      }
      this.#members.set(id, setOf(family, found));
    }
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
    const changes = missing.map(({ id, family }): SetChange => ({ kind: "create", set: id, family }));
    this.#netfilter.change(POLICY_TABLE, changes);
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
      present.map((set): SetChange => ({ kind: "delete", set })),
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
      edits.flatMap(({ id: set, remove, add }): SetChange[] => [
        ...(remove.length === 0 ? [] : [{ kind: "remove" as const, set, prefixes: remove }]),
        ...(add.length === 0 ? [] : [{ kind: "add" as const, set, prefixes: add }]),
      ]),
    );
    for (const { id, remove, add } of edits) {
      const members = this.#members.get(id);
      for (const member of remove) members?.delete(member);
      for (const member of add) members?.add(member);
    }
  }
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
