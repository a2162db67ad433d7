import { type Client, listAll } from "@holdfast/client";
import { routes } from "@holdfast/model";

/** Names a claim, e.g. `"blue/web/redis-0"`. */
export function claimName({
  tenant,
  network,
  identity,
}: {
  tenant: string;
  network: string;
  identity: string;
}): string {
  return `${tenant}/${network}/${identity}`;
}

/**
 * Names of the groups that claims are in, sorted, by the claims' names; one that is in none is left out. Asks the controller for all members of all
 * groups: nothing tells of changes.
 *
 * @param claims those that matter
 */
export async function readMemberships(
  client: Client,
  claims: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const found = new Map<string, string[]>();
  for await (const { tenant, name } of listAll(client, routes.listGroups, {}, { signal })) {
    const params = { tenant, group: name };
    for await (const member of listAll(client, routes.listGroupMembers, { params }, { signal })) {
      const claim = claimName(member);
      if (!claims.has(claim)) continue;
      const names = found.get(claim) ?? [];
      found.set(claim, names);
      names.push(name);
    }
  }
  for (const names of found.values()) names.sort();
  return found;
}
