import type { ChainContents, Removal, TableContents } from "@holdfast/netlink";
import type { RuleId } from "@holdfast/policy";
import type { HostTools } from "../../../machine/host-tools.ts";
import type { ProgramChains, RuleRef } from "./chain-book.ts";
import { rulesDigest, structureScript } from "./policy-script.ts";

/** What chains and counters programs need, and which of them the kernel has. Several programs may need the same. */
export class PolicyStructure {
  readonly #host: HostTools;
  /** Of the kernel: by chain its mark, see {@link markOf}. */
  #chains = new Map<string, string>();
  #counters = new Set<string>();
  readonly #uses = new Map<string, number>();
  readonly #rules = new Map<string, RuleRef>();
  /** Chains that no program needs. */
  readonly #own: ReadonlyMap<string, readonly string[]>;
  readonly #ownCounters: ReadonlySet<string>;

  constructor(host: HostTools, own: ReadonlyMap<string, readonly string[]>, ownCounters: Iterable<string>) {
    this.#host = host;
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

  /** Brings some programs' chains, and takes those away that nobody needs any more with others, in one transaction. */
  async replace(
    added: readonly ProgramChains[],
    dropped: readonly ProgramChains[],
    signal: AbortSignal,
  ): Promise<void> {
    const released = this.#count(added, dropped);
    const chains = new Map<string, readonly string[]>();
    const marks = new Map<string, string>();
    for (const [name, rules] of added.flatMap((each) => [...each.chains])) {
      const mark = markOf(name, rules);
      if (this.#chains.get(name) === mark) continue;
      chains.set(name, rules);
      marks.set(name, mark);
    }
    const counters = added.flatMap((each) => [...each.counters.keys()]).filter((name) => !this.#counters.has(name));
    try {
      await this.#write(
        {
          chains,
          rewritten: [...chains.keys()].filter((name) => this.#chains.has(name)),
          counters: new Set(counters),
          chainsGone: released.filter((name) => this.#chains.has(name)),
          countersGone: released.filter((name) => this.#counters.has(name)),
        },
        signal,
      );
    } catch (error) {
      this.#count(dropped, added);
      throw error;
    }
    for (const [name, mark] of marks) this.#chains.set(name, mark);
    for (const { counters: refs } of added) for (const [name, ref] of refs) this.#rules.set(name, ref);
  }

  /** Takes everything away that no program needs. */
  async prune(signal: AbortSignal): Promise<void> {
    const unused = (name: string) => !this.#uses.has(name) && !this.#own.has(name) && !this.#ownCounters.has(name);
    const gone = {
      chainsGone: [...this.#chains.keys()].filter(unused),
      countersGone: [...this.#counters].filter(unused),
    };
    await this.#write({ chains: new Map(), rewritten: [], counters: [], ...gone }, signal);
  }

  async #write(change: Parameters<typeof structureScript>[0], signal: AbortSignal): Promise<void> {
    const script = structureScript(change);
    if (script !== "") await this.#host.nft(script, signal);
    for (const name of change.counters) this.#counters.add(name);
    for (const name of change.chainsGone) this.#chains.delete(name);
    for (const name of change.countersGone) {
      this.#counters.delete(name);
      this.#rules.delete(name);
    }
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
