import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import type { Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import type { Cooling } from "../state/records.ts";
import { type AsSeen, Changed } from "./as-seen.ts";
import type { Finding, Repair, Why } from "./finding.ts";

/** Repairs of single addresses, of ends and of notes. Each gives what was done. @throws Changed */
export function createAddressRepairs(
  { state, store, clock, rules }: Pick<Platform, "state" | "store" | "clock" | "rules">,
  { drafts, ledger, asSeen }: { readonly drafts: ClaimDrafts; readonly ledger: Ledger; readonly asSeen: AsSeen },
) {
  function lock(draft: Draft, repair: Repair & { kind: "lock" }): string {
    const { tenant, network, identity, revision } = asSeen.claim(repair.claim);
    const key = keys.address(tenant, network, repair.address);
    draft.expect(keys.claim(tenant, network, identity), revision);
    draft.expect(key, 0);
    draft.put(key, { identity });
    return `${repair.address} is locked for ${identity}`;
  }

  function unlock(draft: Draft, repair: Repair & { kind: "unlock" }, { actor, proof }: Why): string {
    const { tenant, network: name, address, identity, revision } = repair;
    const network = state.network(tenant, name);
    const claim = network?.claims.get(identity);
    const key = keys.address(tenant, name, address);
    draft.expect(keys.claim(tenant, name, identity), claim?.revision ?? 0);
    draft.expect(key, revision);
    draft.delete(key);
    if (network?.addresses.has(address) === true) return `${address} is unlocked`;
    const isOfBlock = network?.blocks.givenFrom(address) !== undefined;
    const cooldown = isOfBlock ? 0 : (network?.record?.cooldownSeconds ?? 0);
    const until = new Date(clock.now().getTime() + cooldown * 1000).toISOString();
    const cooling: Cooling = { until, identity };
    if (cooldown > 0) draft.put(keys.cooling(tenant, name, address), cooling);
    const last = { tenant, network: name, identity, addresses: [address] };
    const rest = cooldown > 0 ? { restsUntil: until } : {};
    ledger.record(draft, last, { event: "reclaimed", actor, reason: proof, ...rest });
    return cooldown > 0 ? `${address} rests until ${until}` : `${address} is free`;
  }

  function end(draft: Draft, repair: Repair & { kind: "end" }): string {
    const claim = asSeen.claim(repair.claim);
    const expiresAt = new Date(clock.now().getTime() + rules.reservationTimeout).toISOString();
    draft.expect(keys.claim(claim.tenant, claim.network, claim.identity), claim.revision);
    drafts.put(draft, { ...claim, expiresAt });
    return `it expires at ${expiresAt}`;
  }

  function wake(draft: Draft, { tenant, network, address, revision }: Repair & { kind: "wake" }): string {
    const present = state.network(tenant, network);
    if (present?.addresses.has(address) !== true) throw new Changed(`${address} is not claimed any more`);
    const key = keys.cooling(tenant, network, address);
    draft.expect(key, revision);
    draft.delete(key);
    return `${address} does not rest`;
  }

  function note(
    draft: Draft,
    { tenant, network, address, newest, heldBy }: Repair & { kind: "note" },
    { actor, proof }: Why,
  ): string {
    const present = state.network(tenant, network);
    const identity = present?.addresses.get(address);
    const claim = identity === undefined ? undefined : present?.claims.get(identity);
    const reason = `corrected, the newest event was of ${newest}: ${proof}`.slice(0, 1000);
    if (claim !== undefined) {
      draft.expect(keys.claim(tenant, network, claim.identity), claim.revision);
      ledger.record(draft, { ...claim, addresses: [address] }, { event: "claimed", actor, reason });
      return `its history says that ${claim.identity} has it`;
    }
    if (heldBy === undefined) throw new Changed("nobody has it, and its history says so");
    draft.expect(keys.address(tenant, network, address), 0);
    const last = { tenant, network, identity: heldBy, addresses: [address] };
    ledger.record(draft, last, { event: "released", actor, reason });
    return "its history says that nobody has it";
  }

  function settle(draft: Draft, { node, endpoint, revision }: Repair & { kind: "settle" }): string {
    draft.expect(keys.superseded(node, endpoint), revision);
    if (state.superseded.get(`${node}/${endpoint}`)?.revision !== revision) throw new Changed("it is settled by now");
    draft.delete(keys.superseded(node, endpoint));
    return "the note is gone";
  }

  /** Locks are not held in memory: a decision that rests on one would be made again and again on the same. */
  async function checkLock({ repair }: Finding): Promise<void> {
    if (repair?.kind !== "lock" && repair?.kind !== "unlock" && repair?.kind !== "note") return;
    const { tenant, network } = repair.kind === "lock" ? repair.claim : repair;
    const isClaimed = repair.kind === "note" && state.network(tenant, network)?.addresses.has(repair.address) === true;
    if (isClaimed) return;
    const present = (await store.get(keys.address(tenant, network, repair.address)))?.revision ?? 0;
    if (present !== (repair.kind === "unlock" ? repair.revision : 0)) throw new Changed(`${repair.address} is locked`);
  }

  return { lock, unlock, end, wake, note, settle, checkLock };
}
