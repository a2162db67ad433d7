import type { Claim, Endpoint } from "@holdfast/model";
import type { State } from "../state/state.ts";
import type { SeenClaim } from "./finding.ts";

/** Nothing was done, for it is not any more as it was seen. */
export class Changed extends Error {}

/** Reads what a repair is about, as it was when it was seen. */
export interface AsSeen {
  /** @throws Changed */
  endpoint(id: string, revision: number): Endpoint;
  /** @throws Changed */
  claim(seen: SeenClaim): Claim;
}

export function createAsSeen(state: State): AsSeen {
  return {
    endpoint(id, revision) {
      const endpoint = state.endpoints.get(id);
      if (endpoint === undefined) throw new Changed(`endpoint ${id} is gone`);
      if (endpoint.revision !== revision) throw new Changed(`endpoint ${id} has changed since`);
      return endpoint;
    },

    claim({ tenant, network, identity, revision }) {
      const claim = state.network(tenant, network)?.claims.get(identity);
      if (claim === undefined) throw new Changed(`the claim of ${identity} is gone`);
      if (claim.revision !== revision) throw new Changed(`the claim of ${identity} has changed since`);
      return claim;
    },
  };
}
