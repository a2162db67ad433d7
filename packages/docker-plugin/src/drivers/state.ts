import { renameSync, writeFileSync } from "node:fs";
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";
import { addressField, cidrField, nameField } from "@holdfast/model";
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

const pluginStateSchema = z.object({
  version: z.literal(1),
  networks: z.record(z.string(), networkRecordSchema),
  endpoints: z.record(z.string(), endpointRecordSchema),
});
/** All that the plugin remembers over restarts: by Docker's NetworkID and EndpointID. */
export type PluginState = z.output<typeof pluginStateSchema>;

/** Where the plugin's memory is kept. */
export interface StateStore {
  /** Undefined when there is none yet. */
  load(): Promise<PluginState | undefined>;
  /** `durable`: survives a power loss when it resolves; else only the end of the process. Never called while a call runs. */
  save(state: PluginState, options: { readonly durable: boolean }): Promise<void>;
}

/** Keeps the state in one JSON file, replaced as a whole. */
export function createStateFile(path: string): StateStore {
  const draft = `${path}.new`;
  return {
    async load() {
      const text = await readFile(path, "utf8").catch((error: unknown) => {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
        throw new HoldfastError("unavailable", `cannot read ${path}`, { cause: error });
      });
      if (text === undefined) return undefined;
      try {
        return pluginStateSchema.parse(JSON.parse(text));
      } catch (cause) {
        throw new HoldfastError(
          "internal",
          `${path} cannot be read; remove it: what it says is asked from dockerd again`,
          { cause },
        );
      }
    },
    async save(state, { durable }) {
      if (!durable) {
        // Nothing to wait for but the page cache: less than a trip to the thread pool.
        writeFileSync(draft, JSON.stringify(state), { mode: 0o600 });
        renameSync(draft, path);
        return;
      }
      await mkdir(dirname(path), { recursive: true });
      await using file = await open(draft, "w", 0o600);
      await file.writeFile(JSON.stringify(state));
      await file.sync();
      await rename(draft, path);
      await using folder = await open(dirname(path), "r");
      await folder.sync();
    },
  };
}
