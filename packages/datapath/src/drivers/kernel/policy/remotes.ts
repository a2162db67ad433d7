import { Cidr } from "@holdfast/core";
import { PrefixSet, type ProgramRule } from "@holdfast/policy";
import { type ChainBook, remoteWord, type Way } from "./chain-book.ts";

/** A rule that the service of a packet has led to. */
export interface Candidate {
  readonly rule: ProgramRule;
  /** What remains to be looked at of the service, e.g. `"th sport { 53 } "`; usually nothing. */
  readonly rest: string;
  /** The rule's chain. */
  readonly target: string;
}

/**
 * Rules of nft that find the first candidate whose remote it is. Literal prefixes in a row are one lookup, a set is one each.
 *
 * @param exclusive no packet matches two of them.
 */
export function remoteRules(book: ChainBook, way: Way, candidates: readonly Candidate[], exclusive: boolean): string[] {
  const word = remoteWord(way);
  const lines: string[] = [];
  let map = new PrefixMap(way, exclusive);
  const flush = (): void => {
    lines.push(...map.lines(word));
    map = new PrefixMap(way, exclusive);
  };
  for (const { rule, rest, target } of candidates) {
    const { remote } = rule;
    const prefixes = remote === "any" ? [] : remote.prefixes;
    if (remote === "any" || prefixes.some((prefix) => Cidr.length(prefix) === 0)) {
      flush();
      lines.push(`${rest}goto ${target}`);
      // Nobody comes to the others.
      if (rest === "") return lines;
      continue;
    }
    if (rest === "" && remote.sets.length === 0) {
      for (const prefix of prefixes) {
        if (map.take(prefix, target)) continue;
        flush();
        map.take(prefix, target);
      }
      continue;
    }
    flush();
    for (const set of remote.sets) lines.push(`${rest}${word} ${book.set(set)} goto ${target}`);
    if (prefixes.length > 0) lines.push(`${rest}${word} { ${prefixes.join(", ")} } goto ${target}`);
  }
  flush();
  return lines;
}

/** Prefixes that lead to chains, none of which contains another. */
class PrefixMap {
  readonly #taken: PrefixSet | undefined;
  readonly #elements: string[] = [];

  constructor({ family }: Way, exclusive: boolean) {
    this.#taken = exclusive ? undefined : new PrefixSet(family);
  }

  /** False when it contains one that is there: that one comes first, so this one needs a lookup of its own behind it. */
  take(prefix: Cidr, target: string): boolean {
    if (this.#taken !== undefined) {
      if (this.#taken.includes(prefix)) return true;
      const { add, remove } = this.#taken.add(prefix);
      if (remove.length > 0) return false;
      // Inside of one that comes first.
      if (add.length === 0) return true;
    }
    this.#elements.push(`${prefix} : goto ${target}`);
    return true;
  }

  lines(word: string): readonly string[] {
    return this.#elements.length === 0 ? [] : [`${word} vmap { ${this.#elements.join(", ")} }`];
  }
}
