import type { Name } from "@holdfast/core";
import type { Draft } from "../state/change.ts";

/** A claim that a draft is about to add. */
interface Pending {
  readonly network: Name;
  readonly identity: string;
  readonly addresses: number;
  readonly group: Group;
}

/** The claims that one draft, with its parts, adds together. */
interface Group {
  readonly draft: Draft;
  readonly sum: Sum;
  readonly settled: PromiseWithResolvers<void>;
}

/** Claims, and addresses as a whole and by network. */
class Sum {
  claims = 0;
  addresses = 0;
  readonly #inNetwork = new Map<Name, number>();

  add({ network, addresses }: Pending, step: 1 | -1): void {
    this.claims += step;
    this.addresses += step * addresses;
    const inNetwork = this.inNetwork(network) + step * addresses;
    if (inNetwork === 0) this.#inNetwork.delete(network);
    else this.#inNetwork.set(network, inNetwork);
  }

  inNetwork(network: Name): number {
    return this.#inNetwork.get(network) ?? 0;
  }
}

/** What drafts of this process are about to add to one tenant, from the decision until it is in memory or has failed. */
export class PendingClaims {
  readonly #groups = new Map<Draft, Group>();
  readonly #byName = new Map<string, Set<Pending>>();
  readonly #total = new Sum();

  get total(): Pick<Sum, "claims" | "addresses" | "inNetwork"> {
    return this.#total;
  }

  /** What this draft is about to add; undefined: nothing yet. */
  of(draft: Draft): Pick<Sum, "claims" | "addresses" | "inNetwork"> | undefined {
    return this.#groups.get(draft.whole)?.sum;
  }

  /** Gives what takes it back; taking back what has been settled changes nothing. */
  add(draft: Draft, claim: Omit<Pending, "group">): () => void {
    const { whole } = draft;
    const group = this.#groups.get(whole) ?? { draft: whole, sum: new Sum(), settled: Promise.withResolvers() };
    this.#groups.set(whole, group);
    const pending: Pending = { ...claim, group };
    const name = nameOf(pending);
    const rivals = this.#byName.get(name) ?? new Set();
    this.#byName.set(name, rivals.add(pending));
    group.sum.add(pending, 1);
    this.#total.add(pending, 1);
    return () => this.#settle(pending);
  }

  /** The claim is in memory: the draft that made it is settled, and any other that would make it has failed. */
  committed(claim: { readonly network: Name; readonly identity: string }): void {
    for (const pending of this.#byName.get(nameOf(claim)) ?? []) this.#settle(pending);
  }

  /** Resolves when another draft than this one is settled; at once when there is none. */
  async settlementOfOther(draft: Draft): Promise<void> {
    for (const group of this.#groups.values()) if (group.draft !== draft.whole) return group.settled.promise;
  }

  #settle(pending: Pending): void {
    const { group } = pending;
    const rivals = this.#byName.get(nameOf(pending));
    if (rivals?.delete(pending) !== true) return;
    if (rivals.size === 0) this.#byName.delete(nameOf(pending));
    group.sum.add(pending, -1);
    this.#total.add(pending, -1);
    if (group.sum.claims > 0) return;
    this.#groups.delete(group.draft);
    group.settled.resolve();
  }
}

function nameOf({ network, identity }: { readonly network: Name; readonly identity: string }): string {
  return `${network}/${identity}`;
}
