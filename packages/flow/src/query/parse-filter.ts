import { HoldfastError } from "@holdfast/core";
import { fieldName, nearestField, type TrafficField, trafficField, trafficFieldNames } from "./field.ts";
import type { FilterValue, TrafficFilter } from "./filter.ts";
import { type Token, tokensOf, wrongAt } from "./filter-tokens.ts";
import { parseFilterValue } from "./filter-value.ts";

/** So deep parentheses and `not` may go. */
const DEEPEST = 64;

/**
 * Reads a filter as people write it:
 *
 * ```
 * identity=redis-0 service=6379             both: a space is "and"
 * peer.prefix=office or peer.address=192.0.2.0/24
 * identity=redis-* protocol!=udp            * stands for any text
 * service=80,443,8000-8999                  one of these
 * not (direction=egress and peer.tenant=-)  - is "none"
 * ```
 *
 * `not` binds closest, then `and`, then `or`.
 *
 * @throws HoldfastError `invalid_argument`: the message says what is wrong and at which character; `details.at` is that, from 1 on.
 */
export function parseTrafficFilter(text: string): TrafficFilter {
  const tokens = tokensOf(text);
  let next = 0;
  const peek = (): Token => tokens[next] as Token;
  const take = (): Token => tokens[next++] as Token;
  const isWord = (word: string): boolean => peek().kind === "word" && peek().text.toLowerCase() === word;

  function anyOf(depth: number): TrafficFilter {
    const of = [allOf(depth)];
    while (isWord("or")) {
      take();
      of.push(allOf(depth));
    }
    return of.length === 1 ? (of[0] as TrafficFilter) : { kind: "any", of };
  }

  function allOf(depth: number): TrafficFilter {
    const of = [one(depth)];
    while (peek().kind !== "end" && peek().kind !== ")" && !isWord("or")) {
      if (isWord("and")) take();
      of.push(one(depth));
    }
    return of.length === 1 ? (of[0] as TrafficFilter) : { kind: "all", of };
  }

  function one(depth: number): TrafficFilter {
    if (depth > DEEPEST) throw wrongAt(peek().at, `more than ${DEEPEST} levels of parentheses and "not"`);
    if (isWord("not") && tokens[next + 1]?.kind !== "=" && tokens[next + 1]?.kind !== "!=") {
      take();
      return { kind: "not", of: one(depth + 1) };
    }
    if (peek().kind !== "(") return comparison();
    const opened = take();
    const within = anyOf(depth + 1);
    if (take().kind !== ")") throw wrongAt(opened.at, "this parenthesis is never closed");
    return within;
  }

  function comparison(): TrafficFilter {
    const name = take();
    if (name.kind !== "word") throw wrongAt(name.at, `a field is missing, like identity=redis-0${foundText(name)}`);
    const field = fieldAt(name);
    const sign = take();
    if (sign.kind !== "=" && sign.kind !== "!=") {
      throw wrongAt(sign.at, `= or != is missing behind ${name.text}${foundText(sign)}`);
    }
    const is: TrafficFilter = { kind: "is", field, values: values(field) };
    return sign.kind === "=" ? is : { kind: "not", of: is };
  }

  function values(field: TrafficField): FilterValue[] {
    const found: FilterValue[] = [];
    do {
      const value = take();
      if (value.kind !== "word" && value.kind !== "quoted") {
        throw wrongAt(value.at, `a value is missing for ${fieldName(field)}${foundText(value)}`);
      }
      found.push(valueAt(field, value));
    } while (peek().kind === "," && take().kind === ",");
    return found;
  }

  if (peek().kind === "end") return { kind: "all", of: [] };
  const filter = anyOf(0);
  if (peek().kind !== "end") throw wrongAt(peek().at, `nothing opened what ${peek().text} closes`);
  return filter;
}

function fieldAt({ text, at }: Token): TrafficField {
  const field = trafficField(text);
  if (field !== undefined) return field;
  const near = nearestField(text);
  const help = near === undefined ? `there are ${trafficFieldNames.join(", ")}` : `did you mean ${near}?`;
  throw wrongAt(at, `there is no field ${JSON.stringify(text)}; ${help}`);
}

function valueAt(field: TrafficField, token: Token): FilterValue {
  try {
    return parseFilterValue(field, token.text, token.kind === "quoted");
  } catch (error) {
    if (error instanceof HoldfastError) throw wrongAt(token.at, error.message);
    throw error;
  }
}

function foundText({ kind, text }: Token): string {
  return kind === "end" ? ", but the filter ends here" : `, but there is ${JSON.stringify(text)}`;
}
