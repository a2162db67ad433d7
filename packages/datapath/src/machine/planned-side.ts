import type { WiredNetwork } from "@holdfast/model";
import type { RowStatus } from "../driver.ts";
import type { MachineSide, PublishedPorts } from "./machine-side.ts";

/** What one plan has come to. */
export interface PlanOutcome {
  /** Keys of the flows it may have touched. */
  readonly touched: ReadonlySet<string>;
  /** What is desired and cannot be, with the reason. */
  readonly refused: readonly RowStatus[];
}

/** Keeps what is desired of the machine, and has it planned as a whole: not before it is complete, and once for all changes of a turn. */
export abstract class PlannedSide<Published extends PublishedPorts> implements MachineSide<Published> {
  protected readonly networks = new Map<string, WiredNetwork>();
  /** By endpoint. */
  protected readonly ports = new Map<string, Published>();
  #refused: readonly RowStatus[] = [];
  #complete = false;
  #planned = false;

  /** Sets the rows that follow from the networks and ports. */
  protected abstract plan(): PlanOutcome;
  /** Resolves when what a plan has set is in force. */
  protected abstract settled(touched: ReadonlySet<string>, signal: AbortSignal): Promise<void>;
  /** Whether a change of the networks alone can matter now. */
  protected abstract concernsNetworks(): boolean;

  setNetwork(network: WiredNetwork): void {
    this.networks.set(network.id, network);
    this.#planSoon();
  }

  removeNetwork(id: string): void {
    if (this.networks.delete(id)) this.#planSoon();
  }

  async setPorts(endpoint: string, published: Published | undefined, signal: AbortSignal): Promise<void> {
    if (published === undefined && !this.ports.has(endpoint)) return;
    if (published === undefined) this.ports.delete(endpoint);
    else this.ports.set(endpoint, published);
    if (this.#complete) await this.settled(this.#planNow(), signal);
  }

  /** What is desired has been said in full. */
  protected get isComplete(): boolean {
    return this.#complete;
  }

  complete(): void {
    this.#complete = true;
    this.#planNow();
  }

  status(): readonly RowStatus[] {
    return this.#refused;
  }

  #planSoon(): void {
    if (!this.#complete || this.#planned || !this.concernsNetworks()) return;
    this.#planned = true;
    queueMicrotask(() => this.#planNow());
  }

  #planNow(): ReadonlySet<string> {
    this.#planned = false;
    const { touched, refused } = this.plan();
    this.#refused = refused;
    return touched;
  }
}

/** The row of an endpoint whose ports are not published. */
export function refusedPorts(endpoint: string, why: string): RowStatus {
  const error = `ports of endpoint ${endpoint} are not published: ${why}`;
  return { row: `ports ${endpoint}`, state: "error", attempts: 1, error };
}
