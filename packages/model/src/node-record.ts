import { z } from "zod";
import { addressField, labelsField, nameField, revisionField, timeField } from "./fields.ts";
import { flowExportSchema } from "./flow-export.ts";

/** What an agent says of its machine; sent at start, at changes and as a sign of life. */
export const nodeReportSchema = z
  .strictObject({
    /** Where other nodes send VXLAN packets. Absent: this node takes no part in overlays. */
    tunnelAddress: addressField.optional(),
    /** Where other nodes route packets for its endpoints of routed networks to, at most one of each family. Absent: the tunnel address. */
    addresses: z.array(addressField).max(2).optional(),
    /** Name of the trunk interface. Absent: networks are local to this machine. */
    uplink: z.string().max(15).optional(),
    /** Program version. */
    version: z.string().max(50),
    labels: labelsField.default({}),
    /** What its switch's exporter of sFlow calls itself. Absent: its agent knows of no such thing, or has no address. */
    sflowAgent: addressField.optional(),
    /** Made once for a machine and kept by its agent: tells two machines apart that were given the same name. */
    instance: z.string().min(1).max(64).optional(),
  })
  .meta({ id: "NodeReport" });
export type NodeReport = z.output<typeof nodeReportSchema>;

/** A machine that runs an agent. */
export const nodeRecordSchema = z
  .strictObject({
    name: nameField,
    ...nodeReportSchema.shape,
    labels: labelsField,
    /** `silent`: not heard of for the node timeout; its claims may be bound elsewhere. */
    state: z.enum(["ready", "silent"]),
    /** How its switch is to tell of its packets; only in the answer to an agent that says its `sflowAgent`. */
    flowExport: flowExportSchema.optional(),
    /** Last sign of life. Absent: none since the controller started. */
    lastSeen: timeField.optional(),
    createdAt: timeField,
    revision: revisionField,
  })
  .meta({ id: "Node" });
export type NodeRecord = z.output<typeof nodeRecordSchema>;
