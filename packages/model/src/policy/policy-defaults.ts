import { z } from "zod";

/** What becomes of connections that no policy has decided about. Absent: allow, or, of a network, what its tenant says. */
export const policyDefaultsSchema = z
  .strictObject({ ingress: z.enum(["allow", "deny"]).optional(), egress: z.enum(["allow", "deny"]).optional() })
  .meta({ id: "PolicyDefaults" });
export type PolicyDefaults = z.output<typeof policyDefaultsSchema>;
