import { z } from "zod";
import { flowAlarmSpecSchema } from "./alarm/index.ts";
import { networkRetentionSchema, newClaimSchema } from "./claim.ts";
import { identityField, labelsField, nameField } from "./fields.ts";
import { newNetworkSchema } from "./network.ts";
import { nodeBlocksSchema } from "./node-block.ts";
import { selectorField } from "./page.ts";
import { newAddressSetSchema } from "./policy/address-set.ts";
import { newGroupSchema } from "./policy/group.ts";
import { newPolicySchema } from "./policy/policy.ts";
import { policyDefaultsSchema } from "./policy/policy-defaults.ts";
import { sharedWithField } from "./policy/shared-with.ts";
import { newQosProfileSchema } from "./qos-profile.ts";
import { conflictProbeSchema } from "./quarantine.ts";
import { newSubnetSchema, subnetDrainSchema } from "./subnet.ts";
import { quotasSchema } from "./tenant.ts";

const apiVersion = z.literal("holdfast/v1");

const documentSubnetSchema = newSubnetSchema.extend({
  /** It is to give no new addresses. Null: it is to give addresses. */
  draining: subnetDrainSchema.nullable().optional(),
});

const claimMetadata = z.strictObject({
  name: identityField,
  tenant: nameField.prefault("default"),
  /** Absent with `spec.selector`. */
  network: nameField.optional(),
  labels: labelsField.default({}),
});

const tenantMetadata = z.strictObject({
  name: nameField,
  tenant: nameField.prefault("default"),
  labels: labelsField.default({}),
});

/** One document of a file for `holdfast apply -f`. What a document does not say stays as it is; what is not there yet is made with the defaults. */
export const documentSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      apiVersion,
      kind: z.literal("Tenant"),
      metadata: z.strictObject({ name: nameField, labels: labelsField.default({}) }),
      /** Of `quotas`, those that are not named are none. */
      spec: z
        .strictObject({
          quotas: quotasSchema.optional(),
          /** Null: allow. */
          policyDefaults: policyDefaultsSchema.nullable().optional(),
          sharedWith: sharedWithField.optional(),
        })
        .prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Network"),
      metadata: tenantMetadata,
      /** Subnets that are not named stay. */
      spec: newNetworkSchema.omit({ name: true, labels: true }).extend({
        subnets: z.array(documentSubnetSchema).max(64).default([]),
        /** Null: none. */
        nodeBlocks: nodeBlocksSchema.nullable().optional(),
        /** Null: none. */
        conflictProbe: conflictProbeSchema.nullable().optional(),
        /** Null: none. */
        retention: networkRetentionSchema.nullable().optional(),
        /** Null: as the tenant says. */
        policyDefaults: policyDefaultsSchema.nullable().optional(),
      }),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Claim"),
      metadata: claimMetadata,
      spec: newClaimSchema
        .omit({ identity: true, labels: true })
        /** Labels of the network, when none is named: the first of these networks that has room. */
        .extend({ selector: selectorField })
        .prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("QosProfile"),
      metadata: tenantMetadata,
      /** The whole profile: what is left out goes. */
      spec: newQosProfileSchema.omit({ name: true, labels: true }).prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Group"),
      metadata: tenantMetadata,
      /** Who is in it is all that is said: what is left out goes. */
      spec: newGroupSchema.omit({ name: true, labels: true }).prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("AddressSet"),
      metadata: tenantMetadata,
      /** All entries: those that are not said go. */
      spec: newAddressSetSchema.omit({ name: true, labels: true }).prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("Policy"),
      metadata: tenantMetadata,
      /** The whole policy. */
      spec: newPolicySchema.omit({ name: true, labels: true }).prefault({}),
    }),
    z.strictObject({
      apiVersion,
      kind: z.literal("FlowAlarm"),
      /** Without a tenant it is the platform's own. */
      metadata: z.strictObject({
        name: nameField,
        tenant: nameField.optional(),
        labels: labelsField.default({}),
      }),
      /** The whole alarm. */
      spec: flowAlarmSpecSchema,
    }),
  ])
  .meta({ id: "Document" });
export type Document = z.output<typeof documentSchema>;
