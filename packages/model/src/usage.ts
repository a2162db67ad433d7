import { z } from "zod";
import { cidrField, nameField, timeField } from "./fields.ts";
import { quotasSchema } from "./tenant.ts";

const count = z.string().regex(/^[0-9]+$/);

/** Addresses by state. Numbers as text: a v6 prefix has more than a JSON number holds exactly. */
const counts = {
  /** Addresses that are handed out: the ranges without exclusions and gateway. */
  capacity: count,
  /** Claimed, those included that were asked for although they are not handed out. */
  used: count,
  /** The part of the used ones that no endpoint has. */
  held: count,
  /** Released, and kept from everybody but their former owner. */
  cooling: count,
  /** Given to nobody because a machine outside has them, and not claimed. */
  quarantined: count,
  /** In blocks of nodes, which give them to containers by themselves, and not claimed as far as is known. */
  setAside: count,
  /** What would be handed out now. */
  free: count,
};

export const addressUsageSchema = z.strictObject(counts).meta({ id: "AddressUsage" });
export type AddressUsage = z.output<typeof addressUsageSchema>;

export const subnetUsageSchema = z
  .strictObject({
    prefix: cidrField,
    ...counts,
    /** Since when it gives no new addresses. Absent: it does. */
    drainingSince: timeField.optional(),
  })
  .meta({ id: "SubnetUsage" });
export type SubnetUsage = z.output<typeof subnetUsageSchema>;

/** How full a network is, as a whole by family and subnet by subnet. */
export const networkUsageSchema = z
  .strictObject({
    tenant: nameField,
    network: nameField,
    claims: z.int(),
    v4: addressUsageSchema,
    v6: addressUsageSchema,
    subnets: z.array(subnetUsageSchema),
  })
  .meta({ id: "NetworkUsage" });
export type NetworkUsage = z.output<typeof networkUsageSchema>;

/** What a tenant has, and what it may have. */
export const tenantUsageSchema = z
  .strictObject({
    tenant: nameField,
    networks: z.int(),
    claims: z.int(),
    /** Claimed addresses, both families together. */
    addresses: z.int(),
    /** Absent: no limits. */
    quotas: quotasSchema.optional(),
    v4: addressUsageSchema,
    v6: addressUsageSchema,
  })
  .meta({ id: "TenantUsage" });
export type TenantUsage = z.output<typeof tenantUsageSchema>;
