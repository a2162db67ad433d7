import { type Client, listAll } from "@holdfast/client";
import { type Claim, type Endpoint, type Network, type NodeRecord, routes, type Tenant } from "@holdfast/model";

/** Everything that a controller lists. */
export interface Book {
  readonly tenants: readonly Tenant[];
  readonly networks: readonly Network[];
  readonly claims: readonly Claim[];
  readonly endpoints: readonly Endpoint[];
  readonly nodes: readonly NodeRecord[];
}

export async function readBook(client: Client, signal: AbortSignal): Promise<Book> {
  const call = { signal };
  const [tenants, networks, claims, endpoints, nodes] = await Promise.all([
    Array.fromAsync(listAll(client, routes.listTenants, {}, call)),
    Array.fromAsync(listAll(client, routes.listNetworks, {}, call)),
    Array.fromAsync(listAll(client, routes.listClaims, {}, call)),
    Array.fromAsync(listAll(client, routes.listEndpoints, {}, call)),
    Array.fromAsync(listAll(client, routes.listNodes, {}, call)),
  ]);
  return { tenants, networks, claims, endpoints, nodes };
}

/** Resolves with the first thing that `look` finds: in the book as it is, or after one of its changes. */
export async function bookHas<T>(client: Client, look: (book: Book) => T | undefined, signal: AbortSignal): Promise<T> {
  // The watch begins with a bookmark: nothing that happens between the first look and the first change is missed.
  for await (const _ of client.stream(routes.watch, {}, { signal })) {
    const found = look(await readBook(client, signal));
    if (found !== undefined) return found;
  }
  throw new TypeError("bug: a watch without an end has ended");
}
