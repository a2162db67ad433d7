import { HoldfastError } from "@holdfast/core";
import type { EndpointWiring } from "../driver.ts";
import type { Reconciler } from "../reconcile/reconciler.ts";
import type { Table } from "../reconcile/table.ts";
import { type GuaranteeOptions, type GuaranteeRow, guaranteeTable } from "./guarantee-table.ts";
import { linkOfIfb, type QosRow } from "./qos-row.ts";
import { type QosTableOptions, type QosTools, qosTable } from "./qos-table.ts";
import { uplinkIfb } from "./uplink-tree.ts";

export interface QosSideOptions extends QosTableOptions, GuaranteeOptions {
  /** By what an endpoint's packets are known where they leave the machine. */
  readonly knownBy: (wiring: EndpointWiring) => GuaranteeRow["known"];
}

/** QoS of a driver's endpoints: limits and marks on their links, guarantees on the uplink. */
export class QosSide {
  readonly #reconciler: Reconciler;
  readonly #limits: Table<QosRow>;
  readonly #guarantees: Table<GuaranteeRow>;
  readonly #options: QosSideOptions;

  constructor(reconciler: Reconciler, tools: QosTools, options: QosSideOptions) {
    this.#reconciler = reconciler;
    this.#options = options;
    this.#limits = reconciler.table(qosTable(tools, options));
    this.#guarantees = reconciler.table(guaranteeTable(tools, options));
  }

  /**
   * Desires what the wiring says for the endpoint's link. Gives what waits for its limits to be in force. A guarantee that cannot be kept keeps nobody off the
   * wire: the status says so.
   */
  set(wiring: EndpointWiring, link: string): (signal: AbortSignal) => Promise<void> {
    const { id, qos } = wiring;
    if (qos?.guarantee === undefined) this.#guarantees.delete(link);
    else {
      this.#guarantees.set({ link, endpoint: id, rate: qos.guarantee, known: this.#options.knownBy(wiring) });
    }
    if (qos !== undefined) this.#limits.set({ link, endpoint: id, qos });
    else if (this.#limits.has(link)) this.#limits.delete(link);
    else return async () => undefined;
    return (signal) => this.#limits.settled([link], signal);
  }

  /** The link goes. */
  remove(link: string): void {
    this.#limits.delete(link);
    this.#guarantees.delete(link);
  }

  /** A link has vanished: if it was a queue of ours, it comes again. */
  lost(name: string): void {
    if (this.#limits.get(linkOfIfb(name) ?? "") !== undefined) this.#reconciler.refresh("qos");
    if (name === uplinkIfb(this.#options.linkPrefix)) this.#reconciler.refresh("guarantees");
  }

  /** Anything may have happened. */
  refresh(): void {
    this.#reconciler.refresh("qos", "guarantees");
  }
}

/** @throws HoldfastError `unavailable` for an endpoint with QoS: a limit that nobody keeps would be a promise. */
export function refuseQos({ id, qos }: EndpointWiring): void {
  if (qos === undefined) return;
  const text = `endpoint ${id} has QoS profile ${qos.profile ?? "of its runtime"}, and this data path has no QoS`;
  throw new HoldfastError("unavailable", text);
}
