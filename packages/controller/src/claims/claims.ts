import type { Name } from "@holdfast/core";
import type { Claim, ClaimMove, ClaimPatch, NewClaim } from "@holdfast/model";
import type { Platform } from "../platform.ts";
import { nameQos } from "../qos/naming.ts";
import { boundError, type ClaimName, checkIfMatch, notFound, requireClaim, requireNetwork } from "../refusals.ts";
import type { Caller } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { ClaimDrafts } from "./claim-drafts.ts";

export interface Claims {
  create(tenant: Name, network: Name, body: NewClaim, caller: Caller): Promise<Claim>;
  get(name: ClaimName): Claim;
  update(name: ClaimName, patch: ClaimPatch, caller: Caller): Promise<Claim>;
  move(name: ClaimName, move: ClaimMove, caller: Caller): Promise<Claim>;
  release(name: ClaimName, caller: Caller): Promise<void>;
}

export function createClaims(platform: Platform, drafts: ClaimDrafts): Claims {
  const { state, changer, clock, liveness, rules } = platform;

  const get = (name: ClaimName): Claim => requireClaim(state, name);

  return {
    async create(tenant, name, body, caller) {
      const { result, revision } = await changer.change((draft) => {
        const { network, record } = requireNetwork(state, tenant, name);
        const claim = drafts.make(draft, network, record, {
          ...body,
          actor: caller.actor,
          requestId: caller.requestId,
        });
        drafts.put(draft, claim);
        return claim;
      }, caller);
      return { ...result, revision };
    },

    get,

    async update(name, patch, caller) {
      const { result, revision } = await changer.change((draft) => {
        const claim = get(name);
        checkIfMatch(caller, `claim ${name.identity}`, claim.revision);
        draft.expect(keyOf(claim), claim.revision);
        if (patch.qos !== claim.qos) nameQos(state, draft, name.tenant, patch.qos ?? undefined);
        const relabelled = withQos({ ...claim, labels: patch.labels ?? claim.labels }, patch.qos);
        const changed = withRetention(relabelled, patch.retention, {
          now: clock.now(),
          grace: rules.reservationTimeout,
        });
        drafts.put(draft, changed);
        return changed;
      });
      return { ...result, revision };
    },

    async move(name, { node, force, reason }, caller) {
      const { result, revision } = await changer.change((draft) => {
        const claim = get(name);
        const { binding } = claim;
        if (node !== undefined && !state.nodes.has(node)) throw notFound(`node ${node}`, "list those that there are");
        if (binding === undefined ? claim.heldFor === node : binding.node === node) return claim;
        if (binding === undefined) {
          draft.expect(keyOf(claim), claim.revision);
          const held = holdFor(claim, node);
          drafts.put(draft, held);
          return held;
        }
        if (!force && !liveness.isSilentFor(draft, binding.node))
          throw boundError(claim, "add --force to cut that endpoint off");
        const why = reason ?? (force ? "moved by force" : `node ${binding.node} is silent`);
        const { actor, requestId } = caller;
        const event = { event: "moved", actor, requestId, node: binding.node, endpoint: binding.endpoint } as const;
        const unbound = drafts.unbind(draft, claim, state.endpoints.get(binding.endpoint), {
          event: { ...event, reason: why },
          superseded: why,
          keep: true,
        });
        const held = holdFor(unbound ?? claim, node);
        const expires = new Date(clock.now().getTime() + rules.reservationTimeout).toISOString();
        const moved = claim.retention.kind === "ephemeral" ? { ...held, expiresAt: expires } : held;
        drafts.put(draft, moved);
        return moved;
      });
      return { ...result, revision };
    },

    async release(name, caller) {
      await changer.change((draft) => {
        drafts.release(draft, get(name), caller);
        return undefined;
      });
    },
  };

  function keyOf(claim: Claim): string {
    return keys.claim(claim.tenant, claim.network, claim.identity);
  }
}

/** Undefined: it stays; null: that of its groups. */
function withQos(claim: Claim, qos: Name | null | undefined): Claim {
  if (qos === undefined) return claim;
  const { qos: _, ...rest } = claim;
  return qos === null ? rest : { ...rest, qos };
}

function holdFor(claim: Claim, node: Name | undefined): Claim {
  const { heldFor: _, ...free } = claim;
  return node === undefined ? free : { ...free, heldFor: node };
}

/** A detached claim that becomes sticky begins to run out now; one that becomes ephemeral and is not bound has as long as a reservation for it. */
function withRetention(
  claim: Claim,
  retention: Claim["retention"] | undefined,
  { now, grace }: { readonly now: Date; readonly grace: number },
): Claim {
  if (retention === undefined) return claim;
  const { expiresAt: _, ...rest } = claim;
  const { kind } = retention;
  const runsOut = claim.binding === undefined && (kind === "ephemeral" || (kind === "sticky" && claim.epoch > 0));
  if (!runsOut) return { ...rest, retention };
  const time = retention.kind === "sticky" ? retention.ttlSeconds * 1000 : grace;
  return { ...rest, retention, expiresAt: new Date(now.getTime() + time).toISOString() };
}
