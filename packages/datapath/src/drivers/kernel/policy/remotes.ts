import { Cidr } from "@holdfast/core";
import { PrefixSet, type ProgramRule } from "@holdfast/policy";
import { type ChainBook, remoteWord, type Way } from "./chain-book.ts";

/** Up to so many prefixes are compared one by one: the kernel takes long to make thousands of maps, because it looks through all for each. */
const FEW = 4;

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
    for (const each of remote.sets.flatMap((set) => book.lookups(set)))
      lines.push(`${rest}${word} ${each} goto ${target}`);
    if (prefixes.length > FEW) lines.push(`${rest}${word} { ${prefixes.join(", ")} } goto ${target}`);
    else lines.push(...prefixes.map((prefix) => `${rest}${word} ${prefix} goto ${target}`));
  }
  flush();
  return lines;
}

/** Prefixes that lead to chains, none of which contains another. */
class PrefixMap {
  readonly #taken: PrefixSet | undefined;
  readonly #elements: { readonly prefix: Cidr; readonly target: string }[] = [];

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
    this.#elements.push({ prefix, target });
    return true;
  }

  lines(word: string): readonly string[] {
    if (this.#elements.length <= FEW) {
      return this.#elements.map(({ prefix, target }) => `${word} ${prefix} goto ${target}`);
    }
    return [`${word} vmap { ${this.#elements.map(({ prefix, target }) => `${prefix} : goto ${target}`).join(", ")} }`];
  }
}
