import { HoldfastError } from "@holdfast/core";
import type { Claim, ClaimTransfer } from "@holdfast/model";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import { boundError, type ClaimName, checkIfMatch, checkOpen, requireClaim, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { recordQuarantined } from "./quarantine.ts";

/** Passes claims on from one identity to another. */
export interface Transfers {
  /**
   * Addresses, MAC, epoch and all else of the claim but what its runtime has said go on under the other identity, in one commit; the former one has no claim any more. The
   * epoch goes on growing, so that a node that served the claim before cannot take it up again.
   *
   * @throws HoldfastError `claim_bound`: an endpoint has it; `already_exists`: the other identity has a claim in the network.
   */
  transfer(name: ClaimName, body: ClaimTransfer, caller: Caller): Promise<Claim>;
}

export function createTransfers({ state, changer }: Platform, ledger: Ledger): Transfers {
  return {
    async transfer(name, { identity, reason }, caller) {
      const { tenant, network } = name;
      const { result, revision } = await changer.change((draft) => {
        const claim = requireClaim(state, name);
        const { network: claims, record } = requireNetwork(state, tenant, network);
        checkIfMatch(caller, `claim ${name.identity}`, claim.revision);
        checkOpen(record);
        if (identity === name.identity) return claim;
        if (claim.binding !== undefined)
          throw boundError(claim, "remove its container first, or move the claim by force");
        const present = claims.claims.get(identity);
        if (present !== undefined) throw presentError(present, claim);
        // They are of the workload that had the former name.
        const { runtimeLabels: _, ...rest } = claim;
        const passed: Claim = { ...rest, identity };
        draft.expect(keys.claim(tenant, network, name.identity), claim.revision);
        draft.delete(keys.claim(tenant, network, name.identity));
        draft.expect(keys.claim(tenant, network, identity), 0);
        draft.put(keys.claim(tenant, network, identity), passed);
        for (const address of claim.addresses) draft.put(keys.address(tenant, network, address), { identity });
        const { actor, requestId } = caller;
        ledger.record(draft, passed, { event: "transferred", actor, requestId, formerIdentity: name.identity, reason });
        recordQuarantined(draft, ledger, claims, passed);
        return passed;
      }, caller);
      return { ...result, revision: identity === name.identity ? result.revision : revision };
    },
  };
}

function presentError({ identity, addresses, tenant, network }: Claim, from: Claim): HoldfastError {
  return new HoldfastError(
    "already_exists",
    `${identity} has a claim in network ${tenant}/${network}: ${addresses.join(", ")}; ` +
      `release or transfer that one first, then ${from.identity} can pass its own on`,
    { details: { identity, addresses: addresses.join(", ") } },
  );
}
