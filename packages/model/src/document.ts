import { z } from "zod";
import { newClaimSchema } from "./claim.ts";
import { identityField, labelsField, nameField } from "./fields.ts";
import { newNetworkSchema } from "./network.ts";
import { quotasSchema } from "./tenant.ts";

const apiVersion = z.literal("holdfast/v1");

/** One document of a file for `holdfast apply -f`. */
export const documentSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      apiVersion,
      kind: z.literal("Tenant"),
      metadata: z.strictObject({ name: nameField, labels: labelsField.default({}) }),
      /** Quotas that are not named are none; without `quotas`, those that are set stay. */
      spec: z.strictObject({ quotas: quotasSchema.optional() }).prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Network"),
      metadata: z.strictObject({
        name: nameField,
        tenant: nameField.prefault("default"),
        labels: labelsField.default({}),
      }),
      spec: newNetworkSchema.omit({ name: true, labels: true }),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Claim"),
      metadata: z.strictObject({
        name: identityField,
        tenant: nameField.prefault("default"),
        network: nameField,
        labels: labelsField.default({}),
      }),
      spec: newClaimSchema.omit({ identity: true, labels: true }).prefault({}),
    }),
  ])
  .meta({ id: "Document" });
export type Document = z.output<typeof documentSchema>;
