import { HoldfastError } from "@holdfast/core";
import { addressField, cidrField, nameField } from "@holdfast/model";
import type { Operation, Store } from "@holdfast/store";
import { z } from "zod";

const networkRecordSchema = z.object({
  tenant: nameField,
  network: nameField,
  /** The prefixes that Docker knows, IPv4 first. */
  pools: z.array(cidrField),
  /** `--aux-address`: never a container's on this docker network. */
  auxiliary: z.array(addressField),
});
/** What Docker told of a docker network when it was made; it never tells it again. */
export type NetworkRecord = z.output<typeof networkRecordSchema>;

const endpointRecordSchema = z.object({
  /** Docker's id of the network. */
  network: z.string(),
  /** Path of the network namespace; absent: not joined. */
  sandbox: z.string().exactOptional(),
  /** The sandbox has been seen to be a namespace, so that its absence means something. */
  sandboxSeen: z.boolean().exactOptional(),
  ports: z.array(
    z.object({
      protocol: z.enum(["tcp", "udp", "sctp"]),
      hostAddress: addressField.exactOptional(),
      hostPort: z.int(),
      containerPort: z.int(),
    }),
  ),
  /** Ports that were asked for and are held by another endpoint, which must turn out to be of the same sandbox. */
  contested: z.array(z.string()).default([]),
});
/** What the plugin must know of an endpoint beyond what the agent knows. */
export type EndpointRecord = z.output<typeof endpointRecordSchema>;

/** All that the plugin remembers over restarts: by Docker's NetworkID and EndpointID. */
export interface PluginState {
  readonly networks: ReadonlyMap<string, NetworkRecord>;
  readonly endpoints: ReadonlyMap<string, EndpointRecord>;
}

/** One thing that the plugin remembers from now on, or forgets. */
export type StateChange =
  | { readonly kind: "network"; readonly id: string; readonly record: NetworkRecord | undefined }
  | { readonly kind: "endpoint"; readonly id: string; readonly record: EndpointRecord | undefined };

/** Where the plugin's memory is kept. */
export interface PluginMemory {
  load(): Promise<PluginState>;
  /** Resolves when the end of the process cannot undo it. */
  write(change: StateChange): Promise<void>;
}

const NETWORKS = "docker/network/";
const ENDPOINTS = "docker/endpoint/";

/** Keeps the memory in a store that may hold other things, too. */
export function createPluginMemory(store: Store): PluginMemory {
  return {
    async load() {
      return {
        networks: await read(store, NETWORKS, networkRecordSchema),
        endpoints: await read(store, ENDPOINTS, endpointRecordSchema),
      };
    },
    async write({ kind, id, record }) {
      const key = `${kind === "network" ? NETWORKS : ENDPOINTS}${id}`;
      const operation: Operation =
        record === undefined ? { kind: "delete", key } : { kind: "put", key, value: JSON.stringify(record) };
      await store.commit({ conditions: [], operations: [operation] });
    },
  };
}

async function read<T extends z.ZodType>(store: Store, prefix: string, schema: T): Promise<Map<string, z.output<T>>> {
  const { entries } = await store.list(prefix);
  return new Map(
    entries.map(({ key, value }) => {
      const parsed = schema.safeParse(JSON.parse(value));
      if (parsed.success) return [key.slice(prefix.length), parsed.data];
      throw new HoldfastError("internal", `the record ${key} of the docker plugin cannot be read`, {
        cause: parsed.error,
      });
    }),
  );
}
