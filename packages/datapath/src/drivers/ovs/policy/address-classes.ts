import { Cidr } from "@holdfast/core";
import type { Match } from "@holdfast/openflow";
import { setRegister } from "@holdfast/openflow";
import type { PolicySet, SetEdit, SetId } from "@holdfast/policy";
import { type FlowRow, flowRows } from "../flow-row.ts";
import { cookieOf, goto, TableId } from "../pipeline/layout.ts";
import type { FlowStore } from "./flow-store.ts";
import { fingerprint, pairMatch, Register, setPair } from "./layout.ts";
import { PrefixTable } from "./prefix-table.ts";
import { remoteIn } from "./remotes.ts";

/** Addresses that are in the same sets. Of single addresses by their own membership, of prefixes with that of all prefixes around them. */
interface AddressClass {
  readonly kind: "host" | "prefix";
  readonly number: bigint;
  readonly sets: readonly SetId[];
  members: number;
}

interface Member {
  readonly cidr: Cidr;
  readonly sets: Set<SetId>;
  class?: AddressClass;
}

/**
 * Tables 14 and 15: which class a remote address is of. One flow for each address, however many rules there are, and rules ask for classes, of which
 * there are few: so flows grow with rules plus members.
 *
 * What changes is taken in first and then settled in one go.
 */
export class AddressClasses {
  readonly #flows: FlowStore;
  readonly #sets = new Map<SetId, Set<Cidr>>();
  readonly #hosts = new Map<Cidr, Member>();
  readonly #prefixes = { v4: new PrefixTable<Member>("v4"), v6: new PrefixTable<Member>("v6") };
  readonly #classes = new Map<string, AddressClass>();
  readonly #bySet = new Map<SetId, Set<AddressClass>>();
  readonly #platform = new Set<SetId>();
  readonly #dirty = new Set<Member>();

  constructor(flows: FlowStore) {
    this.#flows = flows;
  }

  has(set: SetId): boolean {
    return this.#sets.has(set);
  }

  members(set: SetId): readonly Cidr[] | undefined {
    const members = this.#sets.get(set);
    return members && [...members];
  }

  /** Whether an address, as a prefix of its whole length, is in a set. */
  contains(set: SetId, address: Cidr): boolean {
    if (this.#hosts.get(address)?.sets.has(set)) return true;
    return this.#prefixes[Cidr.family(address)].around(address).some((member) => member.sets.has(set));
  }

  replace({ id, members }: PolicySet): void {
    const after = new Set(members);
    const before = this.#sets.get(id) ?? new Set<Cidr>();
    this.#sets.set(id, before);
    this.edit({ id, remove: [...before.difference(after)], add: [...after.difference(before)] });
  }

  edit({ id, remove, add }: SetEdit): void {
    const members = this.#sets.get(id);
    if (members === undefined) throw new TypeError(`bug: an edit of ${id}, which is not there`);
    for (const cidr of remove) if (members.delete(cidr)) this.#leave(cidr, id);
    for (const cidr of add) {
      if (members.has(cidr)) continue;
      members.add(cidr);
      this.#join(cidr, id);
    }
  }

  /** What takes an edit back that is still to be made. */
  inverse({ id, remove, add }: SetEdit): SetEdit {
    const members = this.#sets.get(id) ?? new Set<Cidr>();
    const [gone, come] = [new Set(remove), new Set(add)];
    return {
      id,
      remove: [...come].filter((each) => !members.has(each)),
      add: [...gone].filter((each) => members.has(each) && !come.has(each)),
    };
  }

  remove(id: SetId): void {
    const members = this.#sets.get(id);
    if (members === undefined) return;
    this.edit({ id, remove: [...members], add: [] });
    this.#sets.delete(id);
  }

  /** The set has the addresses of all tenants. */
  markPlatform(id: SetId): void {
    if (this.#platform.has(id)) return;
    this.#platform.add(id);
    for (const cidr of this.#sets.get(id) ?? []) this.#touch(this.#member(cidr));
  }

  /** The remote address is in one of the sets: one of these. */
  matches(sets: readonly SetId[]): readonly Match[] {
    const classes = new Set(sets.flatMap((set) => [...(this.#bySet.get(set) ?? [])]));
    return [...classes].map(({ kind, number }) => ({ registers: pairMatch(Register[kind], number) }));
  }

  /** Makes the flows of what has changed; gives the sets that other classes belong to now. */
  settle(): ReadonlySet<SetId> {
    const changed = new Set<SetId>();
    for (const member of this.#dirty) this.#classify(member, changed);
    this.#dirty.clear();
    return changed;
  }

  #join(cidr: Cidr, set: SetId): void {
    const member = this.#member(cidr);
    member.sets.add(set);
    if (Cidr.isHost(cidr)) this.#hosts.set(cidr, member);
    else this.#prefixes[Cidr.family(cidr)].set(cidr, member);
    this.#touch(member);
  }

  #leave(cidr: Cidr, set: SetId): void {
    const member = this.#member(cidr);
    member.sets.delete(set);
    this.#touch(member);
    if (member.sets.size > 0) return;
    if (Cidr.isHost(cidr)) this.#hosts.delete(cidr);
    else this.#prefixes[Cidr.family(cidr)].delete(cidr);
  }

  #member(cidr: Cidr): Member {
    const known = Cidr.isHost(cidr) ? this.#hosts.get(cidr) : this.#prefixes[Cidr.family(cidr)].get(cidr);
    return known ?? { cidr, sets: new Set() };
  }

  #touch(member: Member): void {
    this.#dirty.add(member);
    if (Cidr.isHost(member.cidr)) return;
    for (const inner of this.#prefixes[Cidr.family(member.cidr)].within(member.cidr)) this.#dirty.add(inner);
  }

  #classify(member: Member, changed: Set<SetId>): void {
    const { cidr } = member;
    const kind = Cidr.isHost(cidr) ? "host" : "prefix";
    const left = member.class;
    if (member.sets.size === 0) {
      delete member.class;
      // Its place may have been taken by another one since.
      if (this.#member(cidr).sets.size === 0) this.#flows.delete(this.#row(member, { kind, number: 1n, sets: [] }).key);
    } else {
      const joined = this.#classOf(kind, this.#setsOf(member), changed);
      joined.members += 1;
      member.class = joined;
      this.#flows.put(this.#row(member, joined));
    }
    if (left !== undefined) this.#release(left, changed);
  }

  #setsOf({ cidr, sets }: Member): readonly SetId[] {
    if (Cidr.isHost(cidr)) return [...sets].toSorted();
    const around = [...this.#prefixes[Cidr.family(cidr)].around(cidr)].flatMap((each) => [...each.sets]);
    return [...new Set(around)].toSorted();
  }

  #classOf(kind: AddressClass["kind"], sets: readonly SetId[], changed: Set<SetId>): AddressClass {
    const name = classKey(kind, sets);
    const known = this.#classes.get(name);
    if (known !== undefined) return known;
    const made: AddressClass = { kind, number: fingerprint("class", ...sets), sets, members: 0 };
    this.#classes.set(name, made);
    for (const set of sets) {
      changed.add(set);
      const classes = this.#bySet.get(set) ?? new Set();
      this.#bySet.set(set, classes.add(made));
    }
    return made;
  }

  #release(left: AddressClass, changed: Set<SetId>): void {
    left.members -= 1;
    if (left.members > 0) return;
    this.#classes.delete(classKey(left.kind, left.sets));
    for (const set of left.sets) {
      changed.add(set);
      const classes = this.#bySet.get(set);
      classes?.delete(left);
      if (classes?.size === 0) this.#bySet.delete(set);
    }
  }

  #row({ cidr }: Member, { kind, number, sets }: Pick<AddressClass, "kind" | "number" | "sets">): FlowRow {
    const platform = sets.some((set) => this.#platform.has(set)) ? [setRegister(Register.platform, 1)] : [];
    const [table, priority] =
      kind === "host" ? [TableId.policyHosts, 100] : [TableId.policyPrefixes, 1 + Cidr.length(cidr)];
    const next = goto(kind === "host" ? TableId.policyPrefixes : TableId.policyRealms);
    const actions = [...setPair(Register[kind], number), ...platform, next];
    const [row] = flowRows([{ table, priority, match: remoteIn(cidr), actions }], cookieOf("policy"));
    if (row === undefined) throw new TypeError("bug: a rule without a flow");
    return row;
  }
}

function classKey(kind: AddressClass["kind"], sets: readonly SetId[]): string {
  return [kind, ...sets].join(" ");
}
