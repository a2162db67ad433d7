import type { Request } from "../codec/message.ts";
import { chainMessages } from "./chain-messages.ts";
import { generic, PROTOCOLS } from "./codec.ts";
import type { ChainChange, TableChange } from "./netfilter.ts";
import { setMessages } from "./set-messages.ts";

/** A request of a transaction, and the change that it is part of. */
export interface TableRequest {
  readonly request: Request;
  readonly change: TableChange;
}

/** Those of one transaction, in the order of the changes. */
export function tableMessages(table: string, changes: readonly TableChange[]): readonly TableRequest[] {
  // Sets that have a name are found by it, and share the first number.
  let sets = 1;
  const messages: TableRequest[] = [];
  for (const change of changes) {
    const family = generic(PROTOCOLS["keys" in change ? (change.family ?? "inet") : "inet"]);
    const requests = isChainChange(change) ? chainMessages(table, change, () => ++sets) : setMessages(table, change);
    for (const { type, flags, body } of requests) {
      messages.push({ request: { type, flags, body: [family, ...body] }, change });
    }
  }
  return messages;
}

function isChainChange(change: TableChange): change is ChainChange {
  return "chain" in change ? !("map" in change) : "counter" in change;
}
