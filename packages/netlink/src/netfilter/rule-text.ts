import { AF_INET, AF_INET6 } from "../codec/family.ts";
import { countIn, decideAs, isInvalid, limitRate, logWith, lookUp, type Verdict } from "./expressions.ts";
import { type Field, fieldOf, isFamily, isProtocol } from "./fields.ts";
import type { Element } from "./unnamed-set.ts";

const FAMILIES: Readonly<Record<string, number>> = { ipv4: AF_INET, ipv6: AF_INET6 };

/** Makes a set of its own for a rule, which gives what the rule calls it by. */
export type MakeSet = (field: Field, elements: readonly Element[]) => { readonly name: string; readonly id: number };

/**
 * A rule in the words of nft(8), as expressions of the kernel: those words that rules of ours are made of. Starting nft(8) and letting it read what the kernel
 * has takes tens of milliseconds.
 *
 * @throws TypeError at a word that is none of these.
 */
export function ruleExpressions(text: string, makeSet: MakeSet): readonly Uint8Array[] {
  const words = new Words(text);
  const expressions: Uint8Array[] = [];
  for (let word = words.next(); word !== undefined; word = words.next()) {
    expressions.push(...statement(word, words, makeSet));
  }
  return expressions;
}

function statement(word: string, words: Words, makeSet: MakeSet): readonly Uint8Array[] {
  switch (word) {
    case "accept":
    case "drop":
    case "goto":
    case "jump":
      return [decideAs(verdictOf(word, words))];
    case "counter":
      words.skip("name");
      return [countIn(words.text())];
    case "ct":
      words.skip("state", "invalid");
      return isInvalid();
    case "limit": {
      words.skip("rate");
      const rate = Number.parseInt(words.need(), 10);
      words.skip("burst");
      const burst = Number(words.need());
      words.skip("packets");
      return [limitRate(rate, burst)];
    }
    case "log":
      words.skip("prefix");
      return [logWith(words.text())];
    case "meta":
      return words.need() === "nfproto"
        ? isFamily(FAMILIES[words.need()] ?? Number.NaN)
        : isProtocol(Number(words.need()));
    default: {
      const field = fieldOf(word, words.need());
      const presence = words.saysProtocol && word.startsWith("icmp") ? [] : field.presence;
      return [...presence, field.load, ...isAmong(field, words, makeSet)];
    }
  }
}

/** What a field is compared with, or looked up in. */
function isAmong(field: Field, words: Words, makeSet: MakeSet): readonly Uint8Array[] {
  const word = words.need();
  if (word.startsWith("@")) return [lookUp(word.slice(1), {})];
  if (word === "vmap") words.skip("{");
  else if (word !== "{") return field.parse(word).compare();
  const verdicts = word === "vmap";
  const { name, id } = makeSet(field, elementsOf(field, words, verdicts));
  return [lookUp(name, { id, verdicts })];
}

function elementsOf(field: Field, words: Words, verdicts: boolean): readonly Element[] {
  const elements: Element[] = [];
  for (let word = words.need(); word !== "}"; word = words.need()) {
    const values = field.parse(word);
    if (verdicts) words.skip(":");
    elements.push(verdicts ? { values, verdict: verdictOf(words.need(), words) } : { values });
  }
  return elements;
}

function verdictOf(word: string, words: Words): Verdict {
  if (word === "accept" || word === "drop") return { kind: word };
  if (word === "goto" || word === "jump") return { kind: word, chain: words.need() };
  throw new TypeError(`${word} is no verdict of rules, in ${words.all}`);
}

/** Words of a rule; what is between quotes is one, and commas are none. */
class Words {
  readonly all: string;
  /** The rule names the protocol itself whose fields it looks at. */
  readonly saysProtocol: boolean;
  readonly #words: readonly string[];
  #at = 0;

  constructor(all: string) {
    this.all = all;
    this.saysProtocol = all.startsWith("meta l4proto ");
    this.#words = all.match(/"[^"]*"|[^\s,]+/g) ?? [];
  }

  next(): string | undefined {
    return this.#words[this.#at++];
  }

  need(): string {
    const word = this.next();
    if (word === undefined) throw new TypeError(`the rule ends too early: ${this.all}`);
    return word;
  }

  /** What is between quotes. */
  text(): string {
    return this.need().replaceAll('"', "");
  }

  skip(...expected: readonly string[]): void {
    for (const each of expected) {
      const word = this.need();
      if (word !== each) throw new TypeError(`${word} is not ${each}, in ${this.all}`);
    }
  }
}
