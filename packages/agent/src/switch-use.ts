import type { Store } from "@holdfast/store";
import { localEndpointSchema } from "./local-endpoint.ts";

/**
 * Whether an agent's book has endpoints of networks that need Open vSwitch: read before the data path is opened. One whose network cannot be told
 * counts, and so does one that cannot be read: whoever opens the book then says what is wrong.
 */
export async function usesSwitch(store: Store): Promise<boolean> {
  const networks = await store.list("network/");
  const routed = new Set(networks.entries.flatMap(({ value }) => routedId(value) ?? []));
  const endpoints = await store.list("endpoint/");
  return endpoints.entries.some(({ value }) => {
    const { data } = localEndpointSchema.safeParse(JSON.parse(value));
    return data === undefined || (data.phase !== "released" && !routed.has(data.networkId));
  });
}

function routedId(value: string): string | undefined {
  const { id, kind } = JSON.parse(value) as { id?: string; kind?: string };
  return kind === "routed" ? id : undefined;
}
