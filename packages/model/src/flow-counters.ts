import { z } from "zod";
import { addressField, identityField, nameField, timeField } from "./fields.ts";
import { pageOf } from "./page.ts";

const count = z.number().min(0);

/** What a port has counted since `since`; exact. Absent: the switch does not tell. */
export const countedAmountsSchema = z
  .strictObject({
    bytes: count.optional(),
    packets: count.optional(),
    /** Packets that the port threw away. */
    drops: count.optional(),
    errors: count.optional(),
    /** Bits per second between the last two samples; of a time that is asked for, its mean. As is `packetRate`. */
    bitRate: count.optional(),
    /** Packets per second between the last two samples. */
    packetRate: count.optional(),
  })
  .meta({ id: "CountedAmounts" });
export type CountedAmounts = z.output<typeof countedAmountsSchema>;

/** What the switch counted at one port, as its container sees it. No estimate: every packet is in it. */
export const flowCountersSchema = z
  .strictObject({
    /** Absent, as are the next three: the port is no container's, or no sampled packet has told yet whose it is. */
    endpoint: z.string().optional(),
    tenant: nameField.optional(),
    network: nameField.optional(),
    identity: identityField.optional(),
    /** Absent: no node has the exporter's address. */
    node: nameField.optional(),
    /** Of the exporter. Absent: it is not for whoever asks, as is what follows. */
    exporter: addressField.optional(),
    ifIndex: z.int().optional(),
    /** Of the port, e.g. `hfp1000`. */
    port: z.string().optional(),
    /** What is counted came after it. */
    since: timeField,
    /** Of the last sample. */
    until: timeField,
    /** What the container has sent. */
    egress: countedAmountsSchema,
    /** What was for the container. */
    ingress: countedAmountsSchema,
  })
  .meta({ id: "FlowCounters" });
export type FlowCounters = z.output<typeof flowCountersSchema>;

export const flowCountersPageSchema = pageOf(flowCountersSchema, "FlowCountersPage");
