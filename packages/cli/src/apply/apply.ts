import { errorText, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { Context } from "../context.ts";
import { applyAddressSet } from "./address-set.ts";
import { applyClaim } from "./claim.ts";
import { inOrder, parseDocuments, type Written } from "./documents.ts";
import { applyFlowAlarm } from "./flow-alarm.ts";
import { applyGroup } from "./group.ts";
import { applyNetwork } from "./network.ts";
import { applyPolicy } from "./policy.ts";
import { applyQosProfile } from "./qos-profile.ts";
import type { Applied, Target } from "./target.ts";
import { applyTenant } from "./tenant.ts";

/**
 * Applies all documents of a text, one after the other; nothing, unless all of it is right.
 *
 * @throws like the first that fails, naming it and how many were done.
 */
export async function applyText(context: Context, file: string, text: string, dryRun: boolean): Promise<Applied[]> {
  const target: Target = { ...context, dryRun, made: new Set() };
  const documents = inOrder(parseDocuments(file, text));
  const done: Applied[] = [];
  for (const written of documents) {
    try {
      done.push(await applyDocument(target, written));
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      const { kind, metadata } = written.document;
      const before = done.filter(({ outcome }) => outcome !== "unchanged").length;
      const progress =
        before === 0 || dryRun ? "nothing was applied" : `${before} of ${documents.length} applied before it`;
      throw new HoldfastError(error.code, `${kind} ${metadata.name}: ${errorText(error)} (${progress})`, {
        details: error.details,
      });
    }
  }
  return done;
}

async function applyDocument(target: Target, written: Written): Promise<Applied> {
  switch (written.document.kind) {
    case "Tenant":
      return applyTenant(target, written as Written<"Tenant">);
    case "Network":
      return applyNetwork(target, written as Written<"Network">);
    case "Claim":
      return applyClaim(target, written as Written<"Claim">);
    case "QosProfile":
      return applyQosProfile(target, written as Written<"QosProfile">);
    case "Group":
      return applyGroup(target, written as Written<"Group">);
    case "AddressSet":
      return applyAddressSet(target, written as Written<"AddressSet">);
    case "Policy":
      return applyPolicy(target, written as Written<"Policy">);
    case "FlowAlarm":
      return applyFlowAlarm(target, written as Written<"FlowAlarm">);
  }
}
