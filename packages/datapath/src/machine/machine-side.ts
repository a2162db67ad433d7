import type { WiredNetwork } from "@holdfast/model";
import type { RowStatus } from "../driver.ts";
import type { FirewallPort } from "./firewall-ports.ts";

/** Published ports of one endpoint. */
export interface PublishedPorts {
  /** `"n7"`. */
  readonly network: string;
  readonly ports: readonly FirewallPort[];
}

/**
 * How the machine itself takes part in its networks: as their gateway, or behind an uplink only as the way to published ports.
 *
 * Planned as a whole, and first when the desired state is complete: with a part of it, rules would be taken away and put back.
 */
export interface MachineSide<Published extends PublishedPorts = PublishedPorts> {
  setNetwork(network: WiredNetwork): void;
  removeNetwork(id: string): void;
  /** Published ports of an endpoint. Resolves when they are in force; at once when there is nothing to do. */
  setPorts(endpoint: string, published: Published | undefined, signal: AbortSignal): Promise<void>;
  /** The desired state is complete. */
  complete(): void;
  /** What is desired and cannot be, with the reason. */
  status(): readonly RowStatus[];
}

/** Key of the firewall's rows that a machine side plans. */
export const MACHINE_RULES = "gateway";
