import { type Cidr, type Family, IpAddress } from "@holdfast/core";
import { type Attributes, parseAttributes, readNested, readText, textAttribute, viewOf } from "../codec/attributes.ts";
import { Flag, type Request } from "../codec/message.ts";
import { attempt, KernelError } from "../kernel-error.ts";
import { Errno } from "../libc.ts";
import { startThreadPool, withNamespace } from "../namespaces.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "../netlink-socket.ts";
import { type Bound, generic, messageType, PROTOCOLS, prefixesOf, SUBSYSTEM, TableMessage } from "./codec.ts";
import { countRequest, listRequest, markRequest, readConnection, readCount } from "./connections.ts";
import type {
  ChainContents,
  Connection,
  ConnectionFilter,
  Netfilter,
  NetfilterCounter,
  Removal,
  TableChange,
  TableContents,
  TableFamily,
  TableName,
} from "./netfilter.ts";
import { watchRemovals } from "./removals.ts";
import { tableMessages } from "./table-messages.ts";

/**
 * Netfilter of a network namespace; absent: of this one. Every operation is done when its function returns. Needs CAP_NET_ADMIN.
 *
 * @throws HoldfastError `not_found`, `invalid_argument` when there is no such namespace.
 */
export async function createNetfilter(namespace?: string): Promise<Netfilter> {
  await startThreadPool();
  const open = () => new NetlinkSocket(NETLINK_NETFILTER);
  const socket = attempt("open a netfilter socket", () =>
    namespace === undefined ? open() : withNamespace(namespace, open),
  );
  return new NfnetlinkNetfilter(socket);
}

const BATCH = { begin: 0x10, end: 0x11 } as const;
/** Marks that are set with one call. */
const MARKS_AT_ONCE = 500;

class NfnetlinkNetfilter implements Netfilter {
  readonly #socket: NetlinkSocket;

  constructor(socket: NetlinkSocket) {
    this.#socket = socket;
  }

  change(table: string, changes: readonly TableChange[]): void {
    const messages = tableMessages(table, changes);
    if (messages.length === 0) return;
    const edge = (type: number): Request => ({ type, flags: 0, body: [generic(0, SUBSYSTEM.tables)] });
    const refusal = attempt(`change table ${table}`, () =>
      this.#socket.transactBatch(
        edge(BATCH.begin),
        messages.map(({ request }) => request),
        edge(BATCH.end),
      ),
    );
    if (refusal === undefined) return;
    const change = messages[refusal.index]?.change;
    throw new KernelError({
      task: `${change === undefined ? "change something" : describe(change)} in table ${table}`,
      ...refusal.outcome,
    });
  }

  hasTable(name: TableName): boolean {
    const [family, table = ""] = name.split(" ");
    return this.#tables(family as TableFamily).includes(table);
  }

  readChain(table: string, chain: string): ChainContents | undefined {
    const own = [textAttribute(1, table)];
    const question = {
      type: messageType(SUBSYSTEM.tables, TableMessage.getChain),
      flags: 0,
      body: [generic(PROTOCOLS.inet), ...own, textAttribute(3, chain)],
    };
    // That chain alone: among thousands, a look at all for each that somebody has touched takes longer than the change.
    const answer = this.#socket.get(question);
    if ("errno" in answer) {
      if (answer.errno === Errno.ENOENT) return undefined;
      throw new KernelError({ task: `read chain ${chain} of table ${table}`, ...answer });
    }
    const rules = this.#dump(TableMessage.getRule, [...own, textAttribute(2, chain)], (attributes) => {
      const rule = readRule(attributes);
      return readText(attributes, 1) === table && rule.chain === chain ? rule : undefined;
    });
    const comment = rules.find((rule) => rule.comment !== undefined)?.comment;
    return { rules: rules.length, ...(comment === undefined ? {} : { comment }) };
  }

  removals(signal: AbortSignal): AsyncIterable<Removal | "overrun"> {
    return watchRemovals(this.#socket, signal);
  }

  readTable(table: string, family: TableFamily = "inet"): TableContents | undefined {
    if (!this.#tables(family).includes(table)) return undefined;
    const own = <T>(message: number, read: (attributes: Attributes) => T): T[] =>
      this.#dump(
        message,
        [textAttribute(1, table)],
        (attributes) => (readText(attributes, 1) === table ? read(attributes) : undefined),
        family,
      );
    const chains = new Map<string, ChainContents>();
    for (const name of own(TableMessage.getChain, (attributes) => readText(attributes, 3) ?? "")) {
      chains.set(name, { rules: 0 });
    }
    for (const { chain, comment } of own(TableMessage.getRule, readRule)) {
      const before = chains.get(chain) ?? { rules: 0 };
      chains.set(chain, { ...(comment === undefined ? {} : { comment }), ...before, rules: before.rules + 1 });
    }
    return {
      chains,
      sets: new Set(own(TableMessage.getSet, (attributes) => readText(attributes, 2) ?? "")),
      counters: new Set(own(TableMessage.getObject, (attributes) => readText(attributes, 2) ?? "")),
    };
  }

  readPrefixes(table: string, set: string, family: Family): readonly Cidr[] | "other" {
    const bounds: Bound[] = [];
    for (const element of this.#elements(table, set)) {
      const address = readNested(element, 1).get(1);
      const flags = element.get(3);
      if (address === undefined) return "other";
      bounds.push({ address: address.slice(), end: flags !== undefined && viewOf(flags).getUint32(0, false) === 1 });
    }
    return prefixesOf(family, bounds);
  }

  readAddresses(table: string, set: string): readonly IpAddress[] {
    return this.#elements(table, set).flatMap((element) => {
      const address = readNested(element, 1).get(1);
      return address === undefined ? [] : IpAddress.fromBytes(address);
    });
  }

  readTargets(table: string, map: string): ReadonlyMap<string, string> {
    const targets = new Map<string, string>();
    for (const element of this.#elements(table, map)) {
      const link = readText(readNested(element, 1), 1);
      const chain = readText(readNested(readNested(element, 2), 2), 2);
      if (link !== undefined && chain !== undefined) targets.set(link, chain);
    }
    return targets;
  }

  readCounters(table: string, family: TableFamily = "inet"): readonly NetfilterCounter[] {
    const read = (attributes: Attributes): NetfilterCounter | undefined => {
      const data = readNested(attributes, 4);
      const number = (type: number) => Number(viewOf(data.get(type) ?? new Uint8Array(8)).getBigUint64(0, false));
      const name = readText(attributes, 2);
      if (name === undefined || readText(attributes, 1) !== table) return undefined;
      return { name, packets: number(2), bytes: number(1) };
    };
    return this.#dump(TableMessage.getObject, [textAttribute(1, table)], read, family);
  }

  readKeys(table: string, set: string, family: TableFamily = "inet"): readonly Uint8Array[] {
    return this.#elements(table, set, family).flatMap((element) => readNested(element, 1).get(1)?.slice() ?? []);
  }

  countConnections(): number {
    const answer = this.#socket.get(countRequest());
    if ("errno" in answer) throw new KernelError({ task: "count connections", ...answer });
    return readCount(answer.body);
  }

  listConnections(filter?: ConnectionFilter): readonly Connection[] {
    return this.#socket.dump("list connections", listRequest(filter), readConnection);
  }

  markConnections(connections: readonly Connection[], value: number, mask: number): void {
    for (let from = 0; from < connections.length; from += MARKS_AT_ONCE) {
      const some = connections.slice(from, from + MARKS_AT_ONCE);
      const outcomes = this.#socket.transact(some.map((connection) => markRequest(connection, value, mask)));
      const refusal = outcomes.find(({ errno }) => errno !== 0 && errno !== Errno.ENOENT);
      if (refusal !== undefined) throw new KernelError({ task: "mark connections", ...refusal });
    }
  }

  close(): void {
    this.#socket.close();
  }

  #tables(family: TableFamily): readonly string[] {
    return this.#dump(TableMessage.getTable, [], (attributes) => readText(attributes, 1), family);
  }

  #elements(table: string, set: string, family: TableFamily = "inet"): readonly Attributes[] {
    const filter = [textAttribute(1, table), textAttribute(2, set)];
    const read = (attributes: Attributes): Attributes[] => readAll(attributes.get(3));
    return this.#dump(TableMessage.getElement, filter, read, family).flat();
  }

  #dump<T>(
    message: number,
    filter: readonly Uint8Array[],
    read: (attributes: Attributes) => T | undefined,
    family: TableFamily = "inet",
  ): T[] {
    const type = messageType(SUBSYSTEM.tables, message);
    const request = { type, flags: Flag.dump, body: [generic(PROTOCOLS[family]), ...filter] };
    return this.#socket.dump("read nftables", request, (body) => read(parseAttributes(body, 4)));
  }
}

/** Elements of a list: attributes that all have the same type. */
function readAll(list: Uint8Array | undefined): Attributes[] {
  if (list === undefined) return [];
  const found: Attributes[] = [];
  // A dump's buffer is used again for the next datagram.
  const bytes = list.slice();
  const view = viewOf(bytes);
  for (let offset = 0; offset + 4 <= bytes.length; ) {
    const length = view.getUint16(offset, true);
    if (length < 4) break;
    found.push(parseAttributes(bytes.subarray(offset + 4, offset + length)));
    offset += (length + 3) & ~3;
  }
  return found;
}

/** Notes in a rule: type u8, length u8, value; the comment is of type 0. */
function readRule(attributes: Attributes): { chain: string; comment: string | undefined } {
  const notes = attributes.get(7);
  const length = notes?.[1] ?? 0;
  const comment =
    notes?.[0] === 0 ? new TextDecoder().decode(notes.subarray(2, 2 + length)).replace(/\0$/, "") : undefined;
  return { chain: readText(attributes, 2) ?? "", comment };
}

function describe(change: TableChange): string {
  if ("map" in change) return `${change.kind} ${change.link} in map ${change.map}`;
  if ("set" in change) return `${change.kind} set ${change.set}`;
  return "chain" in change ? `${change.kind} ${change.chain}` : `${change.kind} ${change.counter}`;
}
