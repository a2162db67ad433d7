import { z } from "zod";
import { labelsField, nameField, revisionField, timeField } from "./fields.ts";
import { policyDefaultsSchema } from "./policy/policy-defaults.ts";
import { sharedWithField } from "./policy/shared-with.ts";

const limit = z.int().min(0);

/**
 * What a tenant may have at most. An absent limit is none. What is there when a limit is lowered stays: only what is new is refused.
 */
export const quotasSchema = z
  .strictObject({
    /** Claimed addresses, both families together; resting ones do not count. */
    addresses: limit.optional(),
    /** Claimed addresses in any one network. */
    addressesPerNetwork: limit.optional(),
    claims: limit.optional(),
    networks: limit.optional(),
  })
  .meta({ id: "Quotas", examples: [{ addresses: 1000, networks: 10 }] });
export type Quotas = z.output<typeof quotasSchema>;

/** Limits to set; null: none. */
export const quotasPatchSchema = z
  .strictObject({
    addresses: limit.nullable().optional(),
    addressesPerNetwork: limit.nullable().optional(),
    claims: limit.nullable().optional(),
    networks: limit.nullable().optional(),
  })
  .meta({ id: "QuotasPatch", examples: [{ addresses: 1000, networks: null }] });
export type QuotasPatch = z.output<typeof quotasPatchSchema>;

/** An isolation domain with an address space of its own. The tenant `default` always exists. */
export const tenantSchema = z
  .strictObject({
    name: nameField,
    labels: labelsField,
    /** Absent: no limits. */
    quotas: quotasSchema.optional(),
    /** Of connections of its endpoints that no policy has decided about. Absent: allow. */
    policyDefaults: policyDefaultsSchema.optional(),
    /** Absent: with nobody. Whoever it is shared with may name it, and all its groups, in rules. */
    sharedWith: sharedWithField.optional(),
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Tenant" });
export type Tenant = z.output<typeof tenantSchema>;

export const newTenantSchema = z
  .strictObject({
    name: nameField,
    labels: labelsField.default({}),
    quotas: quotasPatchSchema.optional(),
    policyDefaults: policyDefaultsSchema.optional(),
    sharedWith: sharedWithField.optional(),
  })
  .meta({ id: "NewTenant" });
export type NewTenant = z.output<typeof newTenantSchema>;

/** Only what is named changes, among the quotas as well. */
export const tenantPatchSchema = z
  .strictObject({
    labels: labelsField.optional(),
    quotas: quotasPatchSchema.optional(),
    /** Null: allow. */
    policyDefaults: policyDefaultsSchema.nullable().optional(),
    sharedWith: sharedWithField.optional(),
  })
  .meta({ id: "TenantPatch" });
export type TenantPatch = z.output<typeof tenantPatchSchema>;
