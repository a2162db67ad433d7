import type { Name } from "@holdfast/core";
import {
  type AttachmentInfo,
  addressField,
  checkPhaseChange,
  endpointQosSchema,
  foundConflictSchema,
  identityField,
  ifIndexField,
  labelsField,
  macField,
  nameField,
  type Phase,
  phaseSchema,
  transitionSchema,
  workloadSchema,
} from "@holdfast/model";
import { z } from "zod";

/** One attachment as its node keeps it: what the data path must hold, and what the controller has not been told yet. */
export const localEndpointSchema = z.strictObject({
  id: z.string(),
  tenant: nameField,
  network: nameField,
  /** `"n7"`. */
  networkId: z.string(),
  identity: identityField,
  ephemeral: z.boolean(),
  epoch: z.int().min(1),
  addresses: z.array(addressField).min(1),
  mac: macField,
  phase: phaseSchema,
  /** When the phase was entered, epoch milliseconds. */
  since: z.int(),
  workload: workloadSchema,
  /** Scope in which a repeated request is recognised. */
  requester: z.string(),
  /** How often the addresses were given out for this endpoint before it was attached. */
  grants: z.int(),
  ports: z.array(
    z.strictObject({
      protocol: z.enum(["tcp", "udp", "sctp"]),
      hostAddress: addressField.optional(),
      hostPort: z.int(),
      containerPort: z.int(),
    }),
  ),
  sandbox: z.string().optional(),
  ifIndex: ifIndexField.optional(),
  /** What its runtime has said of the workload, as the controller has it. Absent: nothing. */
  labels: labelsField.optional(),
  /** As the controller says. Absent: none. */
  qos: endpointQosSchema.optional(),
  /** What its runtime has asked for: a limit counts beside the controller's when it is the narrower one. Absent: nothing. */
  runtimeQos: endpointQosSchema.optional(),
  /** Its addresses have not been on the wire as its own yet: they are looked for outside before they are. */
  probeDue: z.boolean().optional(),
  /** Machines outside that answered for its addresses: it never goes on the wire, and the controller is told. */
  conflicts: z.array(foundConflictSchema).optional(),
  /** Oldest first; empty: the controller knows everything. */
  unreported: z.array(transitionSchema),
  /** Whether the controller knows the endpoint at all. */
  known: z.boolean(),
  /** Of an endpoint that a controller made: when, RFC 3339, by its clock. */
  reservedAt: z.iso.datetime().optional(),
  /** Of an endpoint that this node made by itself, with addresses of its blocks: when, RFC 3339. */
  made: z.iso.datetime().optional(),
  /** Of an endpoint made while no controller answered: whose claim it goes on with. */
  replaces: z.string().optional(),
  /** Endpoints of this node in between, oldest first, each made while no controller answered. */
  replacesAlso: z.array(z.string()).optional(),
});
export type LocalEndpoint = z.output<typeof localEndpointSchema>;

/** The endpoint one step further, with the step noted for the controller. Staying is no step. @throws HoldfastError `conflict`. */
export function advance(
  endpoint: LocalEndpoint,
  phase: Phase,
  step: { readonly at: Date; readonly actor: string; readonly reason?: string },
): LocalEndpoint {
  checkPhaseChange(endpoint.id, endpoint.phase, phase);
  if (endpoint.phase === phase) return endpoint;
  const { at, ...rest } = step;
  const transition = { phase, at: at.toISOString(), ...rest };
  return { ...endpoint, phase, since: at.getTime(), unreported: [...endpoint.unreported, transition].slice(-64) };
}

/** Where the endpoint's network is kept by name: `"default/web"`. */
export function networkKey(of: { readonly tenant: Name; readonly network: Name }): string {
  return `${of.tenant}/${of.network}`;
}

export function infoOf(endpoint: LocalEndpoint): AttachmentInfo {
  const { id, tenant, network, identity, addresses, mac, phase, since, workload, sandbox } = endpoint;
  return {
    endpoint: id,
    ...(workload.endpoint === undefined ? {} : { runtimeEndpoint: workload.endpoint }),
    ...(sandbox === undefined ? {} : { sandbox }),
    tenant,
    network,
    identity,
    addresses,
    mac,
    phase,
    since,
  };
}

/** What people call the thing behind an endpoint: its container when known, else the endpoint's id. */
export function callName(endpoint: LocalEndpoint): string {
  return endpoint.workload.container === undefined
    ? `endpoint ${endpoint.id}`
    : `container ${endpoint.workload.container}`;
}
