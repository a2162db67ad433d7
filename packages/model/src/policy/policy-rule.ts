import { z } from "zod";
import { cidrField, nameField } from "../fields.ts";
import { labelSelectorSchema } from "./selector.ts";

/** A port, or a range with both ends: `443` or `"8000-8999"`. */
export const portsSchema = z
  .union([
    z.int().min(0).max(65_535),
    z
      .string()
      .regex(/^\d{1,5}-\d{1,5}$/, "not a range of ports; write first-last")
      .refine((text) => {
        const [first = 0, last = 0] = text.split("-").map(Number);
        return first <= last && last <= 65_535;
      }, "not a range of ports: the first is the least, and the last at most 65535"),
  ])
  .meta({ id: "Ports", examples: [443, "8000-8999"] });
export type Ports = z.output<typeof portsSchema>;

const portList = z.array(portsSchema).min(1).max(128);

/** Protocols with ports. */
const withPorts = z.strictObject({
  protocol: z.enum(["tcp", "udp", "sctp"]),
  /** Of whom the connection is begun with. Absent: any. */
  ports: portList.optional(),
  /** Of who begins it. Absent: any. */
  sourcePorts: portList.optional(),
});

const withTypes = z.strictObject({
  protocol: z.enum(["icmp", "icmpv6"]),
  /** Absent: any. */
  type: z.int().min(0).max(255).optional(),
  /** Absent: any. */
  code: z.int().min(0).max(255).optional(),
});

/** Any other by its IANA number; TCP, UDP, SCTP and ICMP have names. */
const byNumber = z.strictObject({ protocol: z.int().min(0).max(255) });

/** What is spoken, e.g. `{ protocol: "tcp", ports: [443, "8000-8999"] }`. */
export const serviceSchema = z
  .union([withPorts, withTypes, byNumber])
  .refine((service) => !("code" in service) || service.code === undefined || service.type !== undefined, {
    message: "a code needs a type",
    path: ["code"],
  })
  .meta({ id: "PolicyService" });
export type PolicyService = z.output<typeof serviceSchema>;

/** Whom a rule speaks of. */
export const peerSchema = z
  .discriminatedUnion("kind", [
    /** Members of a group. Absent tenant: the policy's own; another one must share the group. */
    z.strictObject({ kind: z.literal("group"), group: nameField, tenant: nameField.optional() }),
    /** Claims of the own tenant by their labels. */
    z.strictObject({
      kind: z.literal("selector"),
      selector: labelSelectorSchema,
      /** Only of these networks. Absent: of all. */
      networks: z.array(nameField).min(1).max(64).optional(),
    }),
    /** All addresses of the tenant's networks. Absent: the policy's own tenant; another one must share itself. */
    z.strictObject({ kind: z.literal("tenant"), tenant: nameField.optional() }),
    /** All addresses of a network of the own tenant. */
    z.strictObject({ kind: z.literal("network"), network: nameField }),
    /** Addresses of a prefix without those of others. Other tenants are not reached by it. */
    z.strictObject({ kind: z.literal("cidr"), cidr: cidrField, except: z.array(cidrField).max(64).optional() }),
    /** A named address set of the own tenant. Other tenants are not reached by it. */
    z.strictObject({ kind: z.literal("addresses"), set: nameField }),
  ])
  .meta({ id: "Peer" });
export type Peer = z.output<typeof peerSchema>;

/** `allow`: it may; `deny`: it is dropped; `pass`: the next tier decides. */
export const actionSchema = z.enum(["allow", "deny", "pass"]).meta({ id: "Action" });

/** Stays through edits: counters, logs and explanations go by it. */
export const ruleIdField = z
  .string()
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/, "not a rule id")
  .meta({ description: "Id of a rule in its policy.", examples: ["https"] });

/** Matches when the other end is one of the peers and what is spoken one of the services. */
export const policyRuleSchema = z
  .strictObject({
    id: ruleIdField,
    action: actionSchema,
    /** Packets that it decides about are logged, at a bounded rate. */
    log: z.boolean().optional(),
    /** Absent: anybody. */
    peers: z.array(peerSchema).min(1).max(256).optional(),
    /** Absent: anything. */
    services: z.array(serviceSchema).min(1).max(64).optional(),
    /** For people. */
    description: z.string().max(500).optional(),
  })
  .meta({ id: "PolicyRule" });
export type PolicyRule = z.output<typeof policyRuleSchema>;
