import type { Client } from "@holdfast/client";
import { type Clock, isHoldfastError, type Logger } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type Endpoint, routes } from "@holdfast/model";
import type { Attachments } from "./attachments.ts";
import type { Book } from "./book.ts";
import { type LocalEndpoint, networkKey } from "./local-endpoint.ts";

/** Takes endpoints that run into the book again, when that was lost: its file was damaged or removed, or is an older copy. */
export interface Recovery {
  /**
   * Of these endpoints, which the controller has on this node, those that are on the wire and not in the book. What they publish is not known to the
   * controller and not taken back.
   */
  takeBack(ids: readonly string[], signal: AbortSignal): Promise<void>;
}

export interface RecoveryDependencies {
  readonly book: Book;
  readonly client: Client;
  readonly driver: DatapathDriver;
  readonly attachments: Pick<Attachments, "restore">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createRecovery(dependencies: RecoveryDependencies): Recovery {
  const { book, client, driver, attachments, clock, logger } = dependencies;

  /** As the controller has it; undefined: it has no such endpoint any more, or of a network that is not known here. */
  async function recordOf(endpoint: string, signal: AbortSignal): Promise<LocalEndpoint | undefined> {
    try {
      const found = await client.call(routes.getEndpoint, { params: { endpoint } }, { signal });
      const { tenant, network, identity } = found;
      const claim = await client.call(routes.getClaim, { params: { tenant, network, identity } }, { signal });
      const wired = book.networkByName(networkKey(found));
      if (wired === undefined) return undefined;
      return localEndpoint(found, { networkId: wired.id, ephemeral: claim.retention.kind === "ephemeral" });
    } catch (error) {
      if (isHoldfastError(error, "not_found")) return undefined;
      throw error;
    }
  }

  function localEndpoint(found: Endpoint, rest: Pick<LocalEndpoint, "networkId" | "ephemeral">): LocalEndpoint {
    const { id, tenant, network, identity, epoch, addresses, mac, phase, workload, createdAt } = found;
    return {
      ...{ id, tenant, network, identity, epoch, addresses, mac, phase, workload, reservedAt: createdAt, ...rest },
      since: clock.now().getTime(),
      requester: workload.endpoint ?? id,
      grants: 1,
      ports: [],
      unreported: [],
      known: true,
    };
  }

  return {
    async takeBack(ids, signal) {
      const missing = new Set(ids.filter((id) => !book.endpoints.has(id)));
      if (missing.size === 0) return;
      const wired = (await driver.inventory(signal)).filter(({ endpoint }) => missing.has(endpoint));
      const found = await Promise.all(wired.map(({ endpoint }) => recordOf(endpoint, signal)));
      const lost = found.filter((endpoint) => endpoint !== undefined);
      if (lost.length === 0) return;
      await Promise.all(lost.map((endpoint) => book.putEndpoint(endpoint)));
      await attachments.restore(signal);
      logger.warn("endpoints that run were not in the book and are taken into it again", {
        endpoints: lost.map(({ id }) => id),
      });
    },
  };
}
