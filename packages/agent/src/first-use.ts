import { type Clock, errorText, HoldfastError, isHoldfastError, type Logger } from "@holdfast/core";
import type { AddressConflict, DatapathDriver } from "@holdfast/datapath";
import type { WiredNetwork } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { EndpointChanges } from "./endpoint-changes.ts";
import { type LocalEndpoint, networkKey } from "./local-endpoint.ts";

/** Before addresses are used for the first time: whether a machine outside has one of them. */
export interface FirstUse {
  /**
   * Resolves when the endpoint may go on the wire; with a word for its record, when nobody could be asked: that machines cannot start because of a
   * switch that is away for a moment would be worse than what the question is to prevent.
   *
   * @throws HoldfastError `address_in_use`: a machine outside has one; the endpoint is released then, and the controller is told why.
   */
  check(endpoint: LocalEndpoint, network: WiredNetwork, signal: AbortSignal): Promise<string | undefined>;
}

export interface FirstUseDependencies {
  readonly book: Pick<Book, "endpoints">;
  readonly driver: Pick<DatapathDriver, "probe">;
  readonly changes: EndpointChanges;
  readonly clock: Clock;
  readonly logger: Logger;
}

export function createFirstUse({ book, driver, changes, clock, logger }: FirstUseDependencies, node: string): FirstUse {
  /** Released in one step with what was found: whoever starts after a crash in between has both or neither. */
  async function giveUp(endpoint: LocalEndpoint, found: readonly AddressConflict[]): Promise<void> {
    const error = conflictError(endpoint, found, node);
    logger.error("a machine outside has the address", {
      endpoint: endpoint.id,
      identity: endpoint.identity,
      conflicts: found.map(({ address, mac }) => `${address} ${mac}`),
    });
    // Somebody else may have taken it down while it was asked.
    if (book.endpoints.get(endpoint.id)?.phase === "reserved") {
      const at = clock.now().toISOString();
      const conflicts = found.map((conflict) => ({ ...conflict, at }));
      await changes.step(endpoint.id, "released", { reason: error.message, fields: { conflicts } });
    }
    throw error;
  }

  return {
    async check(endpoint, network, signal) {
      const { conflictProbe } = network;
      if (endpoint.probeDue !== true || conflictProbe === undefined || endpoint.phase !== "reserved") return undefined;
      const { addresses, mac, networkId } = endpoint;
      let found: readonly AddressConflict[];
      try {
        found = await driver.probe({ network: networkId, addresses, mac, ...conflictProbe }, signal);
      } catch (error) {
        signal.throwIfAborted();
        if (!isHoldfastError(error, "unavailable")) throw error;
        const where = { endpoint: endpoint.id, network: networkKey(endpoint), addresses: addresses.join(" ") };
        logger.warn("addresses are used without a look for machines that have them", {
          ...where,
          error: errorText(error),
        });
        return `not looked for outside before: ${errorText(error)}`;
      }
      if (found.length > 0) await giveUp(endpoint, found);
      return undefined;
    },
  };
}

function conflictError(endpoint: LocalEndpoint, found: readonly AddressConflict[], node: string): HoldfastError {
  const { identity, ephemeral, network, tenant } = endpoint;
  const [first] = found;
  const who = found.map(({ address, mac }) => `${address} (${mac} answered)`).join(" and ");
  const of = tenant === "default" ? "" : ` --tenant ${tenant}`;
  const release = `holdfast ip release-quarantine ${first?.address} --network ${network}${of}`;
  const remedy = ephemeral
    ? `start the container again for another address, or take it off that machine and then: ${release}`
    : `${identity} keeps its claim; take the address off that machine and then: ${release}`;
  return new HoldfastError(
    "address_in_use",
    `a machine outside has ${who} in network ${tenant}/${network}, as node ${node} found out; it goes into quarantine; ${remedy}`,
    { details: { address: first?.address ?? "", mac: first?.mac ?? "", network, identity, reason: "conflict" } },
  );
}
