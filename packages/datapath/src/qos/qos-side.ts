import { HoldfastError } from "@holdfast/core";
import type { EndpointQos } from "@holdfast/model";
import type { Netfilter } from "@holdfast/netlink";
import type { EndpointWiring, RowStatus } from "../driver.ts";
import type { Reconciler } from "../reconcile/reconciler.ts";
import type { Table } from "../reconcile/table.ts";
import { type GuaranteeOptions, type GuaranteeRow, guaranteeTable } from "./guarantee-table.ts";
import type { KnownTable } from "./known-table.ts";
import { linkOfQueue, type QosRow } from "./qos-row.ts";
import { type QosTableOptions, type QosTools, qosTable, qosTableName } from "./qos-table.ts";
import { uplinkTableName } from "./uplink-rules.ts";
import { uplinkIfb } from "./uplink-tree.ts";

export interface QosSideOptions extends QosTableOptions, GuaranteeOptions {
  /** What the link's own queues and rules are to keep of it: the data path has other means for the rest. Absent: everything. */
  readonly onLink?: (qos: EndpointQos) => EndpointQos | undefined;
  /** Why the data path cannot keep something of it; undefined: it can keep all. Absent: it can keep everything. */
  readonly refuses?: (qos: EndpointQos) => string | undefined;
}

/** QoS of a driver's endpoints: limits and marks on their links, guarantees on the uplink. */
export class QosSide {
  readonly #reconciler: Reconciler;
  readonly #limits: Table<QosRow>;
  readonly #guarantees: Table<GuaranteeRow>;
  readonly #options: QosSideOptions;
  readonly #known: readonly Pick<KnownTable<never>, "forget">[];
  readonly #removals: Netfilter["removals"];
  /** What is desired and cannot be, by link. */
  readonly #refused = new Map<string, RowStatus>();

  constructor(reconciler: Reconciler, tools: QosTools, options: QosSideOptions) {
    this.#reconciler = reconciler;
    this.#options = options;
    const [limits, guarantees] = [qosTable(tools, options), guaranteeTable(tools, options)];
    this.#limits = reconciler.table(limits.definition);
    this.#guarantees = reconciler.table(guarantees.definition);
    this.#known = [limits, guarantees];
    this.#removals = (signal) => tools.netfilter.removals(signal);
  }

  /**
   * Desires what the wiring says for the endpoint's link, whose packets are `known` by that where they leave the machine. Gives what waits for its limits to be in force. A guarantee that cannot be kept keeps nobody off the
   * wire: the status says so.
   *
   * @throws HoldfastError `unavailable` for limits that the data path has no means for; what was in force before stays.
   */
  set(wiring: EndpointWiring, link: string, known: GuaranteeRow["known"]): (signal: AbortSignal) => Promise<void> {
    const { id, qos } = wiring;
    this.#refused.delete(link);
    const why = qos && this.#options.refuses?.(qos);
    if (qos !== undefined && why !== undefined) {
      const error = `${profileText(qos)} of endpoint ${id} is not in force: ${why}`;
      this.#refused.set(link, { row: `qos ${link}`, state: "error", attempts: 1, error });
      throw new HoldfastError("unavailable", error);
    }
    const { onLink = (all: EndpointQos) => all } = this.#options;
    const kept = qos && onLink(qos);
    if (qos?.guarantee === undefined) this.#guarantees.delete(link);
    else this.#guarantees.set({ link, endpoint: id, rate: qos.guarantee, known });
    if (kept !== undefined) this.#limits.set({ link, endpoint: id, qos: kept });
    else if (this.#limits.has(link)) this.#limits.delete(link);
    else return async () => undefined;
    return (signal) => this.#limits.settled([link], signal);
  }

  /** The link goes. */
  remove(link: string): void {
    this.#refused.delete(link);
    this.#limits.delete(link);
    this.#guarantees.delete(link);
  }

  status(): readonly RowStatus[] {
    return [...this.#refused.values()];
  }

  /** A link has vanished: if it was a queue of ours, it comes again. */
  lost(name: string): void {
    if (this.#limits.get(linkOfQueue(name) ?? "") !== undefined) this.#reconciler.refresh("qos");
    if (name === uplinkIfb(this.#options.linkPrefix)) this.#reconciler.refresh("guarantees");
  }

  /** Until the signal is aborted: what somebody takes out of nftables comes again; a service that loads a firewall begins with all that there is. */
  async follow(signal: AbortSignal): Promise<void> {
    const { linkPrefix } = this.#options;
    const own = new Set([qosTableName(linkPrefix), uplinkTableName(linkPrefix)]);
    for await (const removal of this.#removals(signal)) {
      if (removal === "overrun" || (removal.part === "table" && own.has(removal.name))) this.refresh();
    }
  }

  /** Anything may have happened. */
  refresh(): void {
    for (const table of this.#known) table.forget();
    this.#reconciler.refresh("qos", "guarantees");
  }
}

/** @throws HoldfastError `unavailable` for an endpoint with QoS: a limit that nobody keeps would be a promise. */
export function refuseQos({ id, qos }: EndpointWiring): void {
  if (qos === undefined) return;
  throw new HoldfastError(
    "unavailable",
    `${profileText(qos)} of endpoint ${id} is not in force: this data path has no QoS`,
  );
}

function profileText({ profile }: EndpointQos): string {
  return profile === undefined ? "what the runtime asks for" : `QoS profile ${profile}`;
}
