import type { Endpoint } from "@holdfast/model";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, notFound } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";

export interface Endpoints {
  get(id: string): Endpoint;
  /** Cuts an endpoint off: its node is told to take it down, its claim is free to be bound. */
  delete(id: string, caller: Caller, reason?: string): Promise<void>;
}

export function createEndpoints({ state, changer, clock }: Platform, drafts: ClaimDrafts): Endpoints {
  function get(id: string): Endpoint {
    const endpoint = state.endpoints.get(id);
    if (endpoint === undefined) throw notFound(`endpoint ${id}`);
    return endpoint;
  }

  return {
    get,

    async delete(id, caller, reason = `deleted by ${caller.actor}`) {
      await changer.change((draft) => {
        const endpoint = get(id);
        checkIfMatch(caller, `endpoint ${id}`, endpoint.revision);
        const claim = state.network(endpoint.tenant, endpoint.network)?.claims.get(endpoint.identity);
        if (claim?.binding?.endpoint !== id) {
          draft.expect(keys.endpoint(id), endpoint.revision);
          draft.delete(keys.endpoint(id));
          draft.put(keys.superseded(endpoint.node, id), { epoch: endpoint.epoch, reason, at: timestamp(clock) });
          return undefined;
        }
        const event = claim.retention.kind === "ephemeral" ? ("released" as const) : ("detached" as const);
        const rest = drafts.unbind(draft, claim, endpoint, {
          event: { event, actor: caller.actor, requestId: caller.requestId, node: endpoint.node, endpoint: id, reason },
          superseded: reason,
        });
        if (rest !== undefined) drafts.put(draft, rest);
        return undefined;
      });
    },
  };
}
