import { errorText, HoldfastError, type Name } from "@holdfast/core";
import type { ClaimDrafts } from "../claims/claim-drafts.ts";
import type { Ledger } from "../ledger/ledger.ts";
import type { Platform } from "../platform.ts";
import type { Draft } from "../state/change.ts";
import { createAddressRepairs } from "./address-repairs.ts";
import { Changed, createAsSeen } from "./as-seen.ts";
import { createBindingRepairs } from "./binding-repairs.ts";
import type { Finding, Why } from "./finding.ts";

/** Carries out what a proven finding asks for. */
export interface Repairs {
  /** What was done; or why nothing was, when something has changed since it was seen. Does not throw. */
  carryOut(finding: Finding, why: Why): Promise<{ readonly repaired: boolean; readonly detail: string }>;
}

export interface RepairsDependencies {
  readonly platform: Platform;
  readonly drafts: ClaimDrafts;
  readonly ledger: Ledger;
  /** Has a node take an endpoint off the wire that is not its own; whether it is connected. */
  readonly tellGone: (node: Name, endpoint: string, reason: string) => boolean;
}

export function createRepairs({ platform, drafts, ledger, tellGone }: RepairsDependencies): Repairs {
  const { state, changer, pools } = platform;
  const parts = { drafts, ledger, asSeen: createAsSeen(state) };
  const bindings = createBindingRepairs(platform, parts);
  const addresses = createAddressRepairs(platform, parts);

  function draftRepair(draft: Draft, finding: Finding, why: Why): string {
    const { repair } = finding;
    switch (repair?.kind) {
      case "reclaim":
        return bindings.reclaim(draft, repair, why);
      case "cut":
        return bindings.cut(draft, repair, why);
      case "unbind":
        return bindings.unbind(draft, repair, why);
      case "adopt":
        return bindings.adopt(draft, repair, why);
      case "rebind":
        return bindings.rebind(draft, repair, why);
      case "lock":
        return addresses.lock(draft, repair);
      case "unlock":
        return addresses.unlock(draft, repair, why);
      case "end":
        return addresses.end(draft, repair);
      case "wake":
        return addresses.wake(draft, repair);
      case "note":
        return addresses.note(draft, repair, why);
      case "settle":
        return addresses.settle(draft, repair);
      case "align":
      case "tell":
      case undefined:
        throw new TypeError(`bug: no commit repairs ${finding.kind}`);
    }
  }

  async function commit(finding: Finding, why: Why): Promise<string> {
    await addresses.checkLock(finding);
    const { result } = await changer.change((draft) => ({ detail: draftRepair(draft, finding, why) }));
    return result.detail;
  }

  async function repair(finding: Finding, why: Why): Promise<string> {
    const { repair: what } = finding;
    if (what?.kind === "tell") {
      if (state.endpoints.has(what.endpoint) && finding.kind === "endpoint-unknown")
        throw new Changed("it is recorded by now");
      if (!tellGone(what.node, what.endpoint, why.proof)) throw new Changed(`node ${what.node} is not connected`);
      return `node ${what.node} is told to take it down`;
    }
    if (what?.kind === "align") {
      const network = state.network(what.tenant, what.network);
      if (network !== undefined) pools.align(network, what.address);
      return "the pool has it as the book";
    }
    return await commit(finding, why);
  }

  return {
    async carryOut(finding, why) {
      try {
        return { repaired: true, detail: await repair(finding, why) };
      } catch (error) {
        if (error instanceof Changed) return { repaired: false, detail: `left alone: ${error.message}` };
        if (error instanceof HoldfastError) return { repaired: false, detail: `left alone: ${errorText(error)}` };
        throw error;
      }
    },
  };
}
