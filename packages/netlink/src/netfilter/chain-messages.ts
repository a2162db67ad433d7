import { attribute, nestedAttribute, textAttribute } from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import { be32, TableMessage, tableRequest } from "./codec.ts";
import type { ChainChange } from "./netfilter.ts";
import { ruleExpressions } from "./rule-text.ts";
import { unnamedSet } from "./unnamed-set.ts";

const COUNTER = 1;
const COMMENT = 0;

/** @param setId gives each set without a name its number in the transaction. */
export function chainMessages(table: string, change: ChainChange, setId: () => number): Request[] {
  const own = textAttribute(1, table);
  switch (change.kind) {
    case "create-chain":
      return [tableRequest(TableMessage.newChain, Flag.create, [own, textAttribute(3, change.chain)])];
    case "flush-chain":
      return [tableRequest(TableMessage.deleteRule, 0, [own, textAttribute(2, change.chain)])];
    case "delete-chain":
      return [tableRequest(TableMessage.deleteChain, 0, [own, textAttribute(3, change.chain)])];
    case "create-counter":
      return [tableRequest(TableMessage.newObject, Flag.create, [...counter(own, change), nestedAttribute(4, [])])];
    case "delete-counter":
      return [tableRequest(TableMessage.deleteObject, 0, counter(own, change))];
    case "append-rule":
      return ruleMessages(table, change, setId);
  }
}

function counter(table: Uint8Array, { counter }: { readonly counter: string }): Uint8Array[] {
  return [table, textAttribute(2, counter), be32(3, COUNTER)];
}

/** The rule, and before it the sets that are its own. */
function ruleMessages(
  table: string,
  { chain, rule, comment }: Extract<ChainChange, { kind: "append-rule" }>,
  setId: () => number,
): Request[] {
  const messages: Request[] = [];
  const expressions = ruleExpressions(rule, (field, elements) => {
    const id = setId();
    const { name, create, fill } = unnamedSet(table, id, field, elements);
    messages.push(tableRequest(TableMessage.newSet, Flag.create, create));
    for (const some of fill) messages.push(tableRequest(TableMessage.newElement, Flag.create, some));
    return { name, id };
  });
  const body = [textAttribute(1, table), textAttribute(2, chain), nestedAttribute(4, expressions)];
  if (comment !== undefined) body.push(attribute(7, noteOf(comment)));
  messages.push(tableRequest(TableMessage.newRule, Flag.create | Flag.append, body));
  return messages;
}

/** As nft(8) notes it: type u8, length u8, text with a closing zero. */
function noteOf(comment: string): Uint8Array {
  const text = new TextEncoder().encode(`${comment}\0`);
  return Uint8Array.of(COMMENT, text.length, ...text);
}
