import { z } from "zod";
import { labelsField, nameField, revisionField, timeField } from "./fields.ts";

/** An isolation domain with an address space of its own. The tenant `default` always exists. */
export const tenantSchema = z
  .strictObject({
    name: nameField,
    labels: labelsField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Tenant" });
export type Tenant = z.output<typeof tenantSchema>;

export const newTenantSchema = z
  .strictObject({ name: nameField, labels: labelsField.default({}) })
  .meta({ id: "NewTenant" });
export type NewTenant = z.output<typeof newTenantSchema>;

export const tenantPatchSchema = z.strictObject({ labels: labelsField.optional() }).meta({ id: "TenantPatch" });
export type TenantPatch = z.output<typeof tenantPatchSchema>;
