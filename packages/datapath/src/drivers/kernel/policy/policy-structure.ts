import type { ChainContents, Netfilter, Removal, TableContents } from "@holdfast/netlink";
import type { RuleId } from "@holdfast/policy";
import type { ProgramChains, RuleRef } from "./chain-book.ts";
import { isNamedByRules, POLICY_TABLE } from "./names.ts";
import { rulesDigest } from "./policy-script.ts";
import { chainStep, inTransactions, removalSteps, type Step } from "./structure-steps.ts";

/** What chains and counters programs need, and which of them the kernel has. Several programs may need the same. */
export class PolicyStructure {
  readonly #netfilter: Netfilter;
  /** Of the kernel: by chain its mark, see {@link markOf}. */
  #chains = new Map<string, string>();
  #counters = new Set<string>();
  readonly #uses = new Map<string, number>();
  readonly #rules = new Map<string, RuleRef>();
  /** Chains that no program needs. */
  readonly #own: ReadonlyMap<string, readonly string[]>;
  readonly #ownCounters: ReadonlySet<string>;

  constructor(netfilter: Netfilter, own: ReadonlyMap<string, readonly string[]>, ownCounters: Iterable<string>) {
    this.#netfilter = netfilter;
    this.#own = own;
    this.#ownCounters = new Set(ownCounters);
  }

  /** What the kernel has. Gives whether the table's own chains are right. */
  recover(contents: TableContents | undefined): boolean {
    const chains = [...(contents?.chains ?? [])];
    this.#chains = new Map(chains.map(([name, contents]) => [name, markIn(contents)]));
    this.#counters = new Set(contents?.counters);
    return (
      this.#own.entries().every(([name, rules]) => this.#chains.get(name) === markOf(name, rules)) &&
      [...this.#ownCounters].every((name) => this.#counters.has(name))
    );
  }

  /** Whether the kernel should have it, and has it otherwise or not at all. */
  misses({ part, name }: Removal, chainNow: (name: string) => ChainContents | undefined): boolean {
    if (part === "counter") return this.#counters.has(name);
    const mark = this.#chains.get(name);
    if (part !== "chain" || mark === undefined) return false;
    const present = chainNow(name);
    return present === undefined || markIn(present) !== mark;
  }

  ruleOf(counter: string): { readonly program: string; readonly rule: RuleId } | undefined {
    return this.#rules.get(counter);
  }

  /**
   * Brings some programs' chains, and takes those away that nobody needs any more. All packets are decided by the former ones until all of the new ones are
   * there, and none by some of each: what is new is led to by programs' entries alone, which are written in one transaction.
   */
  async replace(
    added: readonly ProgramChains[],
    dropped: readonly ProgramChains[],
    signal: AbortSignal,
  ): Promise<void> {
    const released = this.#count(added, dropped);
    let areIn = false;
    try {
      const additions = this.#additions(added, () => {
        areIn = true;
      });
      await this.#write([...additions, ...this.#removals(released)], signal);
    } catch (error) {
      // From then on the new ones decide: what is left of the former does no harm, and goes with the next start.
      if (!areIn) {
        await this.#giveUp(this.#count(dropped, added));
        throw error;
      }
    }
    for (const { counters: refs } of added) for (const [name, ref] of refs) this.#rules.set(name, ref);
  }

  /** Takes everything away that no program needs. */
  async prune(signal: AbortSignal): Promise<void> {
    const unused = (name: string) => !this.#uses.has(name) && !this.#own.has(name) && !this.#ownCounters.has(name);
    await this.#write(this.#removals([...this.#chains.keys(), ...this.#counters].filter(unused)), signal);
  }

  /** What the kernel lacks: counters, chains behind those that they lead to, and entries last, all at once. */
  #additions(added: readonly ProgramChains[], areIn: () => void): Step[] {
    const counters = new Set(added.flatMap((each) => [...each.counters.keys()])).difference(this.#counters);
    const lacking = new Map(
      added.flatMap(({ chains }) =>
        [...chains].filter(([name, rules]) => this.#chains.get(name) !== markOf(name, rules)),
      ),
    );
    const steps = [...lacking].map(([name, rules]) => ({
      name,
      step: chainStep(name, rules, this.#chains.has(name), () => void this.#chains.set(name, markOf(name, rules))),
    }));
    const { inside = [], entries = [] } = Object.groupBy(steps, ({ name }) =>
      isNamedByRules(name) ? "inside" : "entries",
    );
    return [
      ...[...counters].map(
        (counter): Step => ({
          changes: [{ kind: "create-counter", counter }],
          done: () => void this.#counters.add(counter),
        }),
      ),
      ...inside.map(({ step }) => step),
      {
        changes: entries.flatMap(({ step }) => step.changes),
        done() {
          for (const { step } of entries) step.done();
          areIn();
        },
      },
    ];
  }

  #removals(names: readonly string[]): Step[] {
    const chains = names.filter((name) => this.#chains.has(name));
    const counters = names.filter((name) => this.#counters.has(name));
    return removalSteps(
      { chains, counters },
      {
        emptied: (name) => void this.#chains.set(name, markIn({ rules: 0 })),
        gone: (name) => {
          this.#chains.delete(name);
          if (this.#counters.delete(name)) this.#rules.delete(name);
        },
      },
    );
  }

  async #write(steps: readonly Step[], signal?: AbortSignal): Promise<void> {
    await inTransactions(steps, (changes) => {
      signal?.throwIfAborted();
      this.#netfilter.change(POLICY_TABLE, changes);
    });
  }

  /** What was brought in vain. It does no harm: what cannot be taken away goes with the next start. */
  async #giveUp(names: readonly string[]): Promise<void> {
    await this.#write(this.#removals(names)).catch(() => undefined);
  }

  /** Gives names that nobody uses any more. */
  #count(added: readonly ProgramChains[], dropped: readonly ProgramChains[]): string[] {
    const released: string[] = [];
    for (const name of added.flatMap(namesOf)) this.#uses.set(name, (this.#uses.get(name) ?? 0) + 1);
    for (const name of dropped.flatMap(namesOf)) {
      const uses = (this.#uses.get(name) ?? 0) - 1;
      if (uses > 0) this.#uses.set(name, uses);
      else if (this.#uses.delete(name)) released.push(name);
    }
    return released;
  }
}

function namesOf({ chains, counters }: ProgramChains): string[] {
  return [...chains.keys(), ...counters.keys()];
}

function markIn({ rules, comment = "" }: ChainContents): string {
  return `${rules} ${comment}`;
}

/** How many rules a chain has, and which they are where its name does not say it. */
function markOf(name: string, rules: readonly string[]): string {
  return `${rules.length} ${rulesDigest(name, rules) ?? ""}`;
}
