import { z } from "zod";
import { workloadSchema } from "./endpoint.ts";
import {
  addressField,
  endpointIdField,
  identityField,
  labelsField,
  macField,
  nameField,
  revisionField,
  timeField,
} from "./fields.ts";
import { phaseSchema } from "./phase.ts";

/** One endpoint as its node finds it: what its book says, and what the machine says of it. */
export const inventoryEndpointSchema = z
  .strictObject({
    id: endpointIdField,
    tenant: nameField,
    network: nameField,
    identity: identityField,
    ephemeral: z.boolean(),
    epoch: z.int().min(1),
    addresses: z.array(addressField).min(1).max(32),
    mac: macField,
    phase: phaseSchema,
    /** When the phase was entered. */
    since: timeField,
    workload: workloadSchema,
    /** What its runtime has said of it. Absent: nothing. */
    labels: labelsField.optional(),
    /** Its interface. `gone`: the kernel does not have it; `none`: none was made, or it is not known. */
    link: z.enum(["up", "down", "gone", "none"]),
    /** Its network namespace. `empty`: no process is in it; `gone`: it was seen and is not there any more; `unknown`: it cannot be told. */
    sandbox: z.enum(["inhabited", "empty", "gone", "unknown"]),
    /** Whether its runtime has it. `unknown`: the runtime is not reached, or has not been asked since the phase was entered. */
    runtime: z.enum(["listed", "missing", "unknown"]),
  })
  .meta({ id: "InventoryEndpoint" });
export type InventoryEndpoint = z.output<typeof inventoryEndpointSchema>;

/** Everything a node has, at one moment. Only a node that has been told everything says it. */
export const nodeInventorySchema = z
  .strictObject({
    /** Another one with each start of the agent. */
    run: z.string().min(1).max(64),
    /** The node has been told of every change up to this revision before it looked. */
    revision: revisionField,
    endpoints: z.array(inventoryEndpointSchema).max(10_000),
    /**
     * Endpoints that it is about to have, the answer being on the way; and those that its reports are still to tell of: made by itself or released, and
     * those that it has gone on from.
     */
    awaited: z.array(endpointIdField).max(10_000),
    /** Interfaces of endpoints that its book does not have. */
    strays: z.array(z.strictObject({ endpoint: endpointIdField, interface: z.string().max(15) })).max(10_000),
    /** Runtimes that serve containers here, and whether they are reached. */
    runtimes: z.array(z.strictObject({ name: z.string().max(32), isReached: z.boolean() })).max(16),
  })
  .meta({ id: "NodeInventory" });
export type NodeInventory = z.output<typeof nodeInventorySchema>;
