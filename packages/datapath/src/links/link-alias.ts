/** What the alias of a link of ours says: it survives us, so that a restarted agent knows whose the link is. */
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
