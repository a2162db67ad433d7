import { HoldfastError } from "@holdfast/core";

/** A word of a filter. */
export interface Token {
  readonly kind: "word" | "quoted" | "(" | ")" | "=" | "!=" | "," | "end";
  /** As it was written, without quotes. */
  readonly text: string;
  /** Its first character, from 1 on. */
  readonly at: number;
}

/** Longer ones nobody writes. */
const MOST_CHARACTERS = 4000;

/** The last one is always of kind `end`. @throws HoldfastError `invalid_argument` for a quote that is never closed, or what is far too long. */
export function tokensOf(filter: string): readonly Token[] {
  if (filter.length > MOST_CHARACTERS) throw wrongAt(1, `it has more than ${MOST_CHARACTERS} characters`);
  const tokens: Token[] = [];
  const pattern = /\s+|(?<sign>!=|[()=,])|"(?<quoted>[^"]*)"|(?<word>[^\s()=,"!]+)|(?<wrong>.)/gy;
  for (const match of filter.matchAll(pattern)) {
    const { sign, quoted, word, wrong } = match.groups ?? {};
    const at = match.index + 1;
    if (wrong === '"') throw wrongAt(at, "this quote is never closed");
    if (wrong !== undefined) throw wrongAt(at, `${JSON.stringify(wrong)} means nothing here`);
    if (sign !== undefined) tokens.push({ kind: sign as Token["kind"], text: sign, at });
    if (quoted !== undefined) tokens.push({ kind: "quoted", text: quoted, at });
    if (word !== undefined) tokens.push({ kind: "word", text: word, at });
  }
  return [...tokens, { kind: "end", text: "", at: filter.length + 1 }];
}

/** @param at of the first character that is wrong, from 1 on */
export function wrongAt(at: number, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `filter, character ${at}: ${why}`, { details: { field: "filter", at } });
}
