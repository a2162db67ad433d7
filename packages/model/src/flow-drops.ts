import { z } from "zod";
import { timeField } from "./fields.ts";
import { flowKeySchema } from "./flow-answer.ts";

/** What drops may be told apart by. */
export const flowDropFields = ["tenant", "policy", "direction", "rule", "guard", "node"] as const;
export type FlowDropField = (typeof flowDropFields)[number];

const dropped = {
  /** Exact: every packet is in it. */
  packets: z.number().min(0),
  bytes: z.number().min(0),
  /** Packets per second, one for each of `times`. Absent: nobody asked. */
  rates: z.array(z.number().min(0)).optional(),
};

/** What rules of policies, and guards against spoofing, have dropped; those with the most packets first. */
export const flowDropsSchema = z
  .strictObject({
    from: timeField,
    /** Not included. */
    to: timeField,
    seconds: z.number(),
    /** Fields of the keys. */
    by: z.array(z.string()),
    /** Seconds between two of `times`. Absent, as they are: nobody asked. */
    step: z.number().optional(),
    /** Beginnings. */
    times: z.array(timeField).optional(),
    groups: z.array(z.strictObject({ key: flowKeySchema, ...dropped })),
    /** All other groups together. */
    other: z.strictObject({ groups: z.int(), ...dropped }),
    total: z.strictObject(dropped),
  })
  .meta({ id: "FlowDrops" });
export type FlowDrops = z.output<typeof flowDropsSchema>;
