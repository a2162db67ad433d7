import { z } from "zod";
import { claimAddressesField } from "./claim.ts";
import { endpointIdField, identityField, macField, nameField, revisionField, timeField } from "./fields.ts";
import { phaseSchema } from "./phase.ts";

/** One step in an endpoint's life. */
export const transitionSchema = z
  .strictObject({
    phase: phaseSchema,
    at: timeField,
    /** Who caused it, e.g. `"node/h1"`, `"operator"`, `"controller"`. */
    actor: z.string().max(100),
    reason: z.string().max(1000).optional(),
  })
  .meta({ id: "Transition" });
export type Transition = z.output<typeof transitionSchema>;

/** Characters of a runtime's own id of an attachment. */
export const MOST_RUNTIME_ENDPOINT = 128;

/**
 * The number that the kernel of its node has given the end of its interface that stays in the switch (ifIndex of RFC 2863): what sFlow says of the packets
 * that come by it. Absent: not known, or it is off the wire.
 */
export const ifIndexField = z.int().min(1).max(0x7fff_ffff);

/** The container, pod or machine behind an endpoint, as its runtime calls it. */
export const workloadSchema = z
  .strictObject({
    runtime: z.enum(["docker", "cni", "manual"]),
    /** The runtime's own id of the attachment, e.g. Docker's EndpointID. Absent until the runtime has said it. */
    endpoint: z.string().max(MOST_RUNTIME_ENDPOINT).optional(),
    /** Name or id of the container, where known. */
    container: z.string().max(255).optional(),
  })
  .meta({ id: "Workload" });
export type Workload = z.output<typeof workloadSchema>;

/** One attachment of a sandbox to a network. */
export const endpointSchema = z
  .strictObject({
    id: endpointIdField,
    tenant: nameField,
    network: nameField,
    identity: identityField,
    node: nameField,
    /** The claim's epoch that this endpoint was given. */
    epoch: z.int().min(1),
    addresses: claimAddressesField,
    mac: macField,
    phase: phaseSchema,
    /** Newest last; the oldest of more than 32 fall away. */
    history: z.array(transitionSchema).max(32),
    workload: workloadSchema,
    ifIndex: ifIndexField.optional(),
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Endpoint" });
export type Endpoint = z.output<typeof endpointSchema>;
