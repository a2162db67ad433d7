import { HoldfastError, isHoldfastError, type Name } from "@holdfast/core";
import type { Claim, NewTenantClaim } from "@holdfast/model";
import type { Platform } from "../platform.ts";
import { labelFilter } from "../reading/lists.ts";
import { notFound } from "../refusals.ts";
import { type Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { NetworkState } from "../state/network-state.ts";
import type { StoredNetwork } from "../state/records.ts";
import type { ClaimDrafts } from "./claim-drafts.ts";

/** Claims in whichever network has room. */
export interface ClaimsAnywhere {
  /**
   * Makes the claim in the first network of the tenant that has the labels and can give what is asked: by the label {@link PRIORITY_LABEL}, the
   * least number first and those without it last; of the same priority the oldest first, then by name.
   *
   * @throws HoldfastError `already_exists`: the identity has a claim in one of these networks; `not_found`: no network has the labels; when each
   * of them refuses, their common code or else `pool_exhausted`, naming every one with its reason.
   */
  create(tenant: Name, body: NewTenantClaim, caller: Caller): Promise<Claim>;
}

/** A whole number on a network; anything else counts as none. */
export const PRIORITY_LABEL = "holdfast.priority";

/** Reasons that are told in full; of further networks, the code. */
const MOST_REASONS = 16;

interface Candidate {
  readonly network: NetworkState;
  readonly record: StoredNetwork;
}

export function createClaimsAnywhere({ state, changer }: Platform, drafts: ClaimDrafts): ClaimsAnywhere {
  function candidatesOf(tenant: Name, selector: string | undefined): readonly Candidate[] {
    if (!state.tenants.has(tenant)) throw notFound(`tenant ${tenant}`);
    const matches = labelFilter(selector);
    const networks = [...(state.networks.get(tenant)?.values() ?? [])].flatMap((network) =>
      network.record === undefined ? [] : [{ network, record: network.record }],
    );
    const matching = networks.filter(({ record }) => matches(record.labels));
    if (matching.length > 0) return matching.sort(inOrder);
    const known = networks.map(({ record }) => record.name).join(", ") || "none";
    throw notFound(`network of tenant ${tenant}${which(selector)}`, `its networks: ${known}`);
  }

  return {
    async create(tenant, { selector, ...body }, caller) {
      const { actor, requestId } = caller;
      const { result, revision } = await changer.change((draft) => {
        const candidates = candidatesOf(tenant, selector);
        refusePresent(candidates, body);
        const refusals = new Map<Name, HoldfastError>();
        for (const { network, record } of candidates) {
          const part = new Draft(draft);
          try {
            const claim = drafts.make(part, network, record, { ...body, actor, requestId });
            drafts.put(part, claim);
            // The same request, made twice at once, must not find room in two networks.
            for (const other of candidates) part.expect(keys.claim(tenant, other.record.name, body.identity), 0);
            draft.include(part);
            return claim;
          } catch (error) {
            part.abandon();
            if (!isHoldfastError(error)) throw error;
            refusals.set(record.name, error);
          }
        }
        throw refusedEverywhere(`tenant ${tenant}${which(selector)}`, body.identity, refusals);
      }, caller);
      return { ...result, revision };
    },
  };
}

function refusePresent(candidates: readonly Candidate[], { identity }: Pick<NewTenantClaim, "identity">): void {
  for (const { network } of candidates) {
    const claim = network.claims.get(identity);
    if (claim === undefined) continue;
    const addresses = claim.addresses.join(", ");
    const message = `${identity} has a claim in network ${claim.tenant}/${claim.network}: ${addresses}`;
    throw new HoldfastError("already_exists", message, { details: { identity, addresses, network: claim.network } });
  }
}

function refusedEverywhere(where: string, identity: string, refusals: ReadonlyMap<Name, HoldfastError>): HoldfastError {
  const codes = new Set(Array.from(refusals.values(), ({ code }) => code));
  const [first] = codes;
  const code = codes.size === 1 && first !== undefined ? first : "pool_exhausted";
  const reasons = Array.from(refusals, ([name, error], index) =>
    index < MOST_REASONS ? `${name}: ${error.message}` : `${name}: ${error.code}`,
  );
  const retryable = [...refusals.values()].some((error) => error.retryable);
  const message = `no network of ${where} can give ${identity} what it asks for; ${reasons.join("; ")}`;
  return new HoldfastError(code, message, { retryable, details: { networks: [...refusals.keys()].join(",") } });
}

function which(selector: string | undefined): string {
  return selector === undefined || selector === "" ? "" : ` with ${selector}`;
}

function inOrder({ record: one }: Candidate, { record: other }: Candidate): number {
  return (
    priorityOf(one) - priorityOf(other) || compare(one.createdAt, other.createdAt) || compare(one.name, other.name)
  );
}

/** Larger than any number for those without one, yet finite: they are compared by subtraction. */
function priorityOf({ labels }: StoredNetwork): number {
  const text = labels[PRIORITY_LABEL];
  return text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : Number.MAX_SAFE_INTEGER;
}

function compare(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
