import { z } from "zod";
import { claimAddressesField } from "../claim.ts";
import { identityField, labelsField, nameField, revisionField, timeField } from "../fields.ts";
import { labelSelectorSchema } from "./selector.ts";
import { sharedWithField } from "./shared-with.ts";

const membership = {
  /** Members are claims with such labels. Absent: none by their labels. */
  selector: labelSelectorSchema.optional(),
  /** Members by name. Absent: none. */
  identities: z.array(identityField).max(1000).optional(),
  /** Only claims of these networks of the tenant. Absent: of all. */
  networks: z.array(nameField).min(1).max(64).optional(),
};

/** The QoS profile of members that name none themselves; of several groups that name one, the first by name counts. Absent: none. */
const qosField = nameField.optional();

/**
 * Claims that rules speak of together: those that the selector matches, those that are named, and those whose addresses come from ranges that a subnet
 * sets aside for the group.
 */
export const groupSchema = z
  .strictObject({
    tenant: nameField,
    name: nameField,
    ...membership,
    sharedWith: sharedWithField,
    qos: qosField,
    labels: labelsField,
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Group" });
export type Group = z.output<typeof groupSchema>;

export const newGroupSchema = z
  .strictObject({
    name: nameField,
    ...membership,
    sharedWith: sharedWithField.default([]),
    qos: qosField,
    labels: labelsField.default({}),
  })
  .meta({ id: "NewGroup" });
export type NewGroup = z.output<typeof newGroupSchema>;

/** Only what is named changes; null: none. */
export const groupPatchSchema = z
  .strictObject({
    selector: membership.selector.nullable(),
    identities: membership.identities.nullable(),
    networks: membership.networks.nullable(),
    sharedWith: sharedWithField.optional(),
    qos: qosField.nullable(),
    labels: labelsField.optional(),
  })
  .meta({ id: "GroupPatch" });
export type GroupPatch = z.output<typeof groupPatchSchema>;

/** A claim that is in a group. */
export const groupMemberSchema = z
  .strictObject({ tenant: nameField, network: nameField, identity: identityField, addresses: claimAddressesField })
  .meta({ id: "GroupMember" });
