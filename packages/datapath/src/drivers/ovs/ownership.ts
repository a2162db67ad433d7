import { MacAddress } from "@holdfast/core";

/** Key in `external_ids` of every bridge, port and interface of ours; the value is the node's name. */
export const OWNER = "holdfast";
/** Key in `external_ids` of the interface of an endpoint; the value is the endpoint's id. For people: the link's alias decides. */
export const OWNER_ENDPOINT = "holdfast-endpoint";

const ALIAS = "holdfast ";
/** Alias of an interface that waits for an endpoint. */
export const SPARE_ALIAS = `${ALIAS}spare`;

export function endpointAlias(endpoint: string): string {
  return `${ALIAS}endpoint ${endpoint}`;
}

/** What the alias of a link of ours says; undefined when it is not ours. */
export function readAlias(
  alias: string | undefined,
): { readonly kind: "spare" } | { readonly kind: "endpoint"; readonly endpoint: string } | undefined {
  const prefix = endpointAlias("");
  if (alias === SPARE_ALIAS) return { kind: "spare" };
  return alias?.startsWith(prefix) ? { kind: "endpoint", endpoint: alias.slice(prefix.length) } : undefined;
}

/** MAC of the integration bridge's local port, which carries nothing. */
export const LOCAL_HARDWARE_ADDRESS = MacAddress.parse("0e:68:66:00:00:02");
/** MAC of every gateway on every machine: an endpoint that moves keeps its neighbour table right. */
export const GATEWAY_MAC = MacAddress.parse("0e:68:66:00:00:01");
