import { mkdirSync } from "node:fs";
import { systemClock } from "@holdfast/core";
import { RecordingLogger } from "@holdfast/core/testing";
import type { WiredNetwork } from "@holdfast/model";
import { openSqliteStore } from "@holdfast/store";
import { createDockerPlugin, createPluginMemory } from "../src/index.ts";
import { VethWorkloads } from "./veth-workloads.ts";

/** What a test asks of the process that runs the plugin inside the namespaces. */
export type PluginRequest =
  | { readonly kind: "setNetworks"; readonly networks: readonly WiredNetwork[] }
  | { readonly kind: "claim"; readonly network: WiredNetwork; readonly identity: string; readonly address: string }
  | { readonly kind: "endpoints" }
  | { readonly kind: "events" }
  /** `forget`: without what it remembers. */
  | { readonly kind: "restart"; readonly forget?: boolean };

const workloads = new VethWorkloads({ networks: [] });
const logger = new RecordingLogger();
mkdirSync("/run/holdfast", { recursive: true });
const store = await openSqliteStore({ clock: systemClock, logger }, { path: "/run/holdfast/docker.db" });
const state = createPluginMemory(store);
const createPlugin = () => createDockerPlugin({ workloads, state, clock: systemClock, logger }, { deadline: 10_000 });
let plugin = createPlugin();

async function forgetEverything(): Promise<void> {
  const { entries } = await store.list("docker/");
  await store.commit({ conditions: [], operations: entries.map(({ key }) => ({ kind: "delete", key })) });
}

async function answer(request: PluginRequest): Promise<unknown> {
  switch (request.kind) {
    case "setNetworks":
      return workloads.book.setNetworks(request.networks);
    case "claim":
      return workloads.book.claim(request.network, request.identity, [request.address]);
    case "endpoints":
      return workloads.book.live;
    case "events":
      return logger.events.map(({ message, fields }) => `${message} ${JSON.stringify(fields)}`);
    case "restart":
      await plugin.stop();
      if (request.forget === true) await forgetEverything();
      plugin = createPlugin();
      return await plugin.start();
  }
}

process.on("message", ({ id, request }: { id: number; request: PluginRequest }) => {
  answer(request).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});

await plugin.start();
process.send?.({ id: 0 });
