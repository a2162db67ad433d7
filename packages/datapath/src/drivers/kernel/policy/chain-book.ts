import type { Family } from "@holdfast/core";
import type { Direction, ProgramId, ProgramRule, RuleId, SetId } from "@holdfast/policy";
import { contentHash, counterName, kernelSets, type Mode } from "./names.ts";

/** A rule of a program. */
export interface RuleRef {
  readonly program: ProgramId;
  readonly rule: RuleId;
}

/** nftables of one program: everything that it needs beside sets. */
export interface ProgramChains {
  /** Rules by chain. */
  readonly chains: ReadonlyMap<string, readonly string[]>;
  /** By name. */
  readonly counters: ReadonlyMap<string, RuleRef>;
  readonly sets: ReadonlySet<SetId>;
}

/** What packets a path is about, in nft's words. */
export interface Way {
  readonly family: Family;
  readonly direction: Direction;
}

/** `ip saddr` and its like: the other end. */
export function remoteWord({ family, direction }: Way): string {
  return `${family === "v4" ? "ip" : "ip6"} ${direction === "ingress" ? "saddr" : "daddr"}`;
}

/** The kernel's limit of a log prefix is 127 bytes (nf_log.h), the last one is a blank. */
const PREFIX_LENGTH = 126;

/** Collects the chains of a program; a chain's name follows from what it says. */
export class ChainBook implements ProgramChains {
  readonly chains = new Map<string, readonly string[]>();
  readonly counters = new Map<string, RuleRef>();
  readonly sets = new Set<SetId>();
  readonly #program: ProgramId;
  readonly #mode: Mode;

  constructor(program: ProgramId, mode: Mode) {
    this.#program = program;
    this.#mode = mode;
  }

  /** What becomes of packets that nothing has decided about, which no program lets happen. */
  get end(): "accept" | "drop" {
    return this.#mode === "staged" ? "accept" : "drop";
  }

  /** A chain of these rules, under the name that everything else finds it by. */
  chain(kind: "section" | "stage" | "remotes" | "rule", rules: readonly string[]): string {
    const name = `${kind}/${contentHash([this.#mode, ...rules].join("\n"))}`;
    this.chains.set(name, rules);
    return name;
  }

  /** What a set is looked up in, one after the other. */
  lookups(id: SetId): readonly string[] {
    this.sets.add(id);
    const { addresses, prefixes } = kernelSets(id);
    return [`@${addresses}`, `@${prefixes}`];
  }

  /** What becomes of packets that a rule has decided about. `next` is the section that packets pass to. */
  rule({ id, verdict, log }: ProgramRule, next: string | undefined): string {
    const counter = counterName(this.#program, id);
    this.counters.set(counter, { program: this.#program, rule: id });
    const staged = this.#mode === "staged";
    const prefix = id.slice(0, PREFIX_LENGTH);
    const logging = log && !staged ? [`limit rate 10/second burst 10 packets log prefix "${prefix} "`] : [];
    // Where nothing follows nobody can pass to it: then the packet goes nowhere.
    const last =
      verdict === "pass" && next !== undefined ? `goto ${next}` : verdict === "allow" || staged ? "accept" : "drop";
    return this.chain("rule", [...logging, `counter name "${counter}" ${last}`]);
  }
}
