import { HoldfastError, IpAddress, parseInterfaceAddress } from "@holdfast/core";
import { z } from "zod";

/** What Docker sends. Go writes absent maps and lists as `null`; keys that are not named here come with later engines and are ignored. */

const optionMap = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((map) => map ?? {});

const textMap = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? "");

/** An id of Docker's: never empty. */
const id = z.string().min(1).max(200);

/** `"10.20.0.7/16"`; empty or absent: undefined. */
const interfaceAddress = text.transform((value, context) => {
  if (value === "") return undefined;
  try {
    return parseInterfaceAddress(value);
  } catch {
    context.addIssue({ code: "custom", message: `not an address with a length: ${value}` });
    return z.NEVER;
  }
});

/** `"10.20.0.7"`, also with a length; empty or absent: undefined. */
const address = text.transform((value, context) => {
  if (value === "") return undefined;
  const parsed = IpAddress.tryParse(value.split("/", 1)[0] ?? "");
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: `not an IP address: ${value}` });
  return z.NEVER;
});

const ipamData = z
  .array(z.object({ AddressSpace: text, Pool: text, Gateway: text, AuxAddresses: textMap }))
  .nullish()
  .transform((list) => list ?? []);
export type IpamData = z.output<typeof ipamData>;

const endpoint = { NetworkID: id, EndpointID: id };

export const requests = {
  allocateNetwork: z.object({ NetworkID: id, Options: textMap }),
  freeNetwork: z.object({ NetworkID: id }),
  gwAllocCheck: z.object({ Options: optionMap }),
  createNetwork: z.object({ NetworkID: id, Options: optionMap, IPv4Data: ipamData, IPv6Data: ipamData }),
  deleteNetwork: z.object({ NetworkID: id }),
  createEndpoint: z.object({
    ...endpoint,
    Interface: z
      .object({ Address: interfaceAddress, AddressIPv6: interfaceAddress, MacAddress: text })
      .nullish()
      .transform((value) => value ?? undefined),
    Options: optionMap,
  }),
  endpoint: z.object(endpoint),
  join: z.object({ ...endpoint, SandboxKey: text }),
  discovery: z.object({ DiscoveryType: z.number().nullish() }),
  requestPool: z.object({
    AddressSpace: text,
    Pool: text,
    SubPool: text,
    Options: textMap,
    V6: z
      .boolean()
      .nullish()
      .transform((value) => value ?? false),
  }),
  releasePool: z.object({ PoolID: id }),
  requestAddress: z.object({ PoolID: id, Address: address, Options: textMap }),
  releaseAddress: z.object({ PoolID: id, Address: address }),
};

/** @throws HoldfastError `invalid_argument`, naming the fields. */
export function parseRequest<Schema extends z.ZodType>(schema: Schema, body: unknown): z.output<Schema> {
  const parsed = schema.safeParse(body);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "body"}: ${message}`).join("; ");
  throw new HoldfastError("invalid_argument", `docker sent a request that cannot be read: ${issues}`);
}
