import { Cidr, HoldfastError, IpAddress } from "@holdfast/core";
import { fieldName, type TrafficField, valueKindOf } from "./field.ts";
import type { FilterValue } from "./filter.ts";
import { protocolNames, protocolNumber } from "./protocol.ts";

/** Words that a field may be, where it can only be a few. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  direction: ["egress", "ingress"],
  verdict: ["allowed", "denied"],
};

/**
 * A value as it is written for a field. In quotes it is taken as it stands: neither pattern nor "none".
 *
 * @throws HoldfastError `invalid_argument`
 */
export function parseFilterValue(field: TrafficField, text: string, isQuoted: boolean): FilterValue {
  if (text === "-" && !isQuoted) return { kind: "absent" };
  const name = fieldName(field);
  switch (valueKindOf(field)) {
    case "text":
      return text.includes("*") && !isQuoted ? { kind: "pattern", pattern: text } : { kind: "equal", value: text };
    case "address":
      return addressValue(name, text);
    case "number":
      return numberValue(name, text);
    case "truth":
      return { kind: "equal", value: oneOf(name, text, ["true", "false"]) === "true" };
    case "word":
      return { kind: "equal", value: oneOf(name, text, WORDS[name] ?? []) };
  }
}

function addressValue(name: string, text: string): FilterValue {
  if (text.includes("/")) return { kind: "prefix", prefix: Cidr.parse(text) };
  const address = IpAddress.tryParse(text);
  if (address !== undefined) return { kind: "equal", value: address };
  throw refused(`${name} is an address like 10.20.0.7 or a prefix like 10.20.0.0/16, not ${JSON.stringify(text)}`);
}

function numberValue(name: string, text: string): FilterValue {
  const [, first, last] = /^(\d{1,8})(?:-(\d{1,8}))?$/.exec(text) ?? [];
  if (first !== undefined && last === undefined) return { kind: "equal", value: Number(first) };
  if (last !== undefined && Number(first) <= Number(last)) {
    return { kind: "range", first: Number(first), last: Number(last) };
  }
  const known = name === "protocol" ? protocolNumber(text) : undefined;
  if (known !== undefined) return { kind: "equal", value: known };
  const names = name === "protocol" ? `${protocolNames.join(", ")}, ` : "";
  throw refused(`${name} is ${names}a number or a range like 8000-8999, not ${JSON.stringify(text)}`);
}

function oneOf(name: string, text: string, words: readonly string[]): string {
  if (words.includes(text)) return text;
  throw refused(`${name} is ${words.join(" or ")}, not ${JSON.stringify(text)}`);
}

function refused(why: string): HoldfastError {
  return new HoldfastError("invalid_argument", why);
}
