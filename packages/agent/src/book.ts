import { type Clock, errorText, HoldfastError, type IpAddress, Name } from "@holdfast/core";
import {
  type RemoteBlock,
  type RemoteEndpoint,
  remoteBlockSchema,
  remoteEndpointSchema,
  type WiredNetwork,
  wiredNetworkSchema,
} from "@holdfast/model";
import type { Operation, Store } from "@holdfast/store";
import { z } from "zod";
import { createBookIndex } from "./book-index.ts";
import { type HeldBlock, heldBlockSchema, mayGive, noteRelease, withoutAddresses } from "./held-block.ts";
import { type LocalEndpoint, localEndpointSchema, networkKey } from "./local-endpoint.ts";

/**
 * The node's own copy of its desired state, on disk: what it goes on with while no controller answers, and what it starts with.
 *
 * Memory is written first and is what is read; each write resolves when it is durable.
 */
export interface Book {
  readonly endpoints: ReadonlyMap<string, LocalEndpoint>;
  readonly networks: ReadonlyMap<string, WiredNetwork>;
  readonly remotes: ReadonlyMap<string, RemoteEndpoint>;
  /** Of other nodes, by lease. */
  readonly remoteBlocks: ReadonlyMap<string, RemoteBlock>;
  /** By lease. */
  readonly blocks: ReadonlyMap<string, HeldBlock>;
  /** Whether it has ever held everything: only then what is not in it may be removed from the machine. */
  readonly complete: boolean;

  /** How often an endpoint has been removed or released: while it is the same, no address in use has come free. */
  readonly departures: number;

  /** The endpoint that holds an address of a network (by `tenant/network`), released ones last. */
  holderOf(network: string, address: IpAddress): LocalEndpoint | undefined;
  ofIdentity(network: string, identity: string): ReadonlySet<LocalEndpoint>;
  /** Of a network, reserved for a requester and not attached yet. */
  reservedBy(network: string, requester: string): ReadonlySet<LocalEndpoint>;
  byRuntime(runtimeEndpoint: string): LocalEndpoint | undefined;
  networkByName(key: string): WiredNetwork | undefined;

  putEndpoint(endpoint: LocalEndpoint): Promise<void>;
  /** Puts one and removes another in one step. */
  replaceEndpoint(gone: string, endpoint: LocalEndpoint): Promise<void>;
  /** Notes when the addresses of blocks among its own were in use last, in the same step. */
  deleteEndpoint(id: string): Promise<void>;
  /** Called when addresses of a block have come free for good: nothing has to be reported of them any more. */
  whenFreed(listener: () => void): void;
  /** Called when an endpoint is no longer in the book; `successor` goes on in its place. */
  whenGone(listener: (endpoint: string, successor: LocalEndpoint | undefined) => void): void;
  putBlock(block: HeldBlock): Promise<void>;
  deleteBlock(lease: string): Promise<void>;
  putNetwork(network: WiredNetwork): Promise<void>;
  deleteNetwork(id: string): Promise<void>;
  putRemote(remote: RemoteEndpoint): Promise<void>;
  deleteRemote(id: string): Promise<void>;
  putRemoteBlock(block: RemoteBlock): Promise<void>;
  deleteRemoteBlock(id: string): Promise<void>;
  setComplete(): Promise<void>;
  /** Resolves when everything that was put up to now is on disk. Rejects when it cannot be written. */
  kept(): Promise<void>;
  /**
   * Says whose book it is.
   *
   * @throws HoldfastError `precondition_failed` when it holds endpoints of a node of another name: the controller has them under that name, would
   * give their addresses to others, and could not tell us.
   */
  belongTo(node: Name): Promise<void>;
  /** What tells this machine from others of its name; made once. */
  readonly instance: Promise<string>;
}

/** `nonce` makes a name that no other machine has. @throws HoldfastError `internal` when a record on disk cannot be read: nothing is guessed. */
export async function openBook(store: Store, nonce: () => string, clock: Clock): Promise<Book> {
  const endpoints = await load(store, "endpoint/", (value) => localEndpointSchema.parse(value));
  const networks = await load(store, "network/", (value) => wiredNetworkSchema.parse(value));
  const remotes = await load(store, "remote/", (value) => remoteEndpointSchema.parse(value));
  const remoteBlocks = await load(store, "remote-block/", (value) => remoteBlockSchema.parse(value));
  const blocks = await load(store, "block/", (value) => heldBlockSchema.parse(value));
  const freed: (() => void)[] = [];
  const goneListeners: ((endpoint: string, successor: LocalEndpoint | undefined) => void)[] = [];
  const owner = await store.get("node");
  let complete = (await store.get("complete")) !== undefined;
  const names = new Map([...networks.values()].map((network) => [`${network.tenant}/${network.name}`, network.id]));
  const index = createBookIndex();
  let departures = 0;
  for (const endpoint of endpoints.values()) index.add(endpoint);

  function place(endpoint: LocalEndpoint): void {
    const before = endpoints.get(endpoint.id);
    if (before !== undefined) index.remove(before);
    if (endpoint.phase === "released") departures++;
    endpoints.set(endpoint.id, endpoint);
    index.add(endpoint);
  }

  function remove(id: string): void {
    const endpoint = endpoints.get(id);
    if (endpoint !== undefined) index.remove(endpoint);
    departures++;
    endpoints.delete(id);
  }

  /** The newest write: the store takes them in order. */
  let newest: Promise<unknown> = Promise.resolve();
  const write = async (...operations: Operation[]): Promise<void> => {
    const written = store.commit({ conditions: [], operations });
    newest = written;
    await written;
  };
  const put = (key: string, value: unknown): Operation => ({ kind: "put", key, value: JSON.stringify(value) });
  const drop = (key: string): Operation => ({ kind: "delete", key });

  async function readInstance(): Promise<string> {
    const kept = await store.get("instance");
    if (kept !== undefined) return z.string().parse(JSON.parse(kept.value));
    const made = nonce();
    await write(put("instance", made));
    return made;
  }

  /** The blocks of an endpoint that goes, with its addresses as released: when it was, or now, when it was lost. */
  function releasedFrom(endpoint: LocalEndpoint | undefined): HeldBlock[] {
    if (endpoint === undefined) return [];
    const at = endpoint.phase === "released" ? endpoint.since : clock.now().getTime();
    return [...blocks.values()].flatMap((block) => {
      const ours = networkKey(block) === networkKey(endpoint);
      const addresses = ours ? endpoint.addresses.filter((address) => mayGive(block, address)) : [];
      const found = endpoint.conflicts?.map(({ address }) => address) ?? [];
      return addresses.length === 0
        ? []
        : withoutAddresses(noteRelease(block, { addresses, identity: endpoint.identity, at }), found);
    });
  }

  return {
    endpoints,
    networks,
    remotes,
    remoteBlocks,
    blocks,
    instance: readInstance(),
    get complete() {
      return complete;
    },

    get departures() {
      return departures;
    },
    holderOf(network, address) {
      const holders = index.holders(network, address);
      for (const endpoint of holders) if (endpoint.phase !== "released") return endpoint;
      for (const endpoint of holders) return endpoint;
      return undefined;
    },
    ofIdentity: (network, identity) => index.ofIdentity(network, identity),
    reservedBy: (network, requester) => index.reservedBy(network, requester),
    byRuntime: (runtimeEndpoint) => index.byRuntime(runtimeEndpoint),
    networkByName(key) {
      return networks.get(names.get(key) ?? "");
    },

    async putEndpoint(endpoint) {
      place(endpoint);
      await write(put(`endpoint/${endpoint.id}`, endpoint));
    },
    async replaceEndpoint(gone, endpoint) {
      remove(gone);
      place(endpoint);
      for (const listener of goneListeners) listener(gone, endpoint);
      await write(drop(`endpoint/${gone}`), put(`endpoint/${endpoint.id}`, endpoint));
    },
    async deleteEndpoint(id) {
      const changed = releasedFrom(endpoints.get(id));
      remove(id);
      for (const listener of goneListeners) listener(id, undefined);
      for (const block of changed) blocks.set(block.id, block);
      const written = write(drop(`endpoint/${id}`), ...changed.map((block) => put(`block/${block.id}`, block)));
      if (changed.length > 0) for (const listener of freed) listener();
      await written;
    },
    whenFreed: (listener) => void freed.push(listener),
    whenGone: (listener) => void goneListeners.push(listener),
    async putBlock(block) {
      blocks.set(block.id, block);
      await write(put(`block/${block.id}`, block));
    },
    async deleteBlock(lease) {
      if (blocks.delete(lease)) await write(drop(`block/${lease}`));
    },
    async putNetwork(network) {
      if (JSON.stringify(networks.get(network.id)) === JSON.stringify(network)) return;
      networks.set(network.id, network);
      names.set(`${network.tenant}/${network.name}`, network.id);
      await write(put(`network/${network.id}`, network));
    },
    async deleteNetwork(id) {
      const network = networks.get(id);
      networks.delete(id);
      const name = network === undefined ? "" : `${network.tenant}/${network.name}`;
      if (names.get(name) === id) names.delete(name);
      await write(drop(`network/${id}`));
    },
    async putRemote(remote) {
      remotes.set(remote.id, remote);
      await write(put(`remote/${remote.id}`, remote));
    },
    async deleteRemote(id) {
      remotes.delete(id);
      await write(drop(`remote/${id}`));
    },
    async putRemoteBlock(block) {
      remoteBlocks.set(block.id, block);
      await write(put(`remote-block/${block.id}`, block));
    },
    async deleteRemoteBlock(id) {
      remoteBlocks.delete(id);
      await write(drop(`remote-block/${id}`));
    },
    async belongTo(node) {
      const before = owner === undefined ? node : Name.parse(JSON.parse(owner.value));
      if (before !== node && endpoints.size > 0) {
        throw new HoldfastError(
          "precondition_failed",
          `this machine was node ${before} and still has ${endpoints.size} endpoints under that name, it cannot become ${node} with them; ` +
            `start the agent with --node ${before}, or as ${node} when its containers are gone`,
          { details: { node: before } },
        );
      }
      // What was leased to another name is not this node's.
      const foreign = before === node ? [] : [...blocks.keys()];
      for (const lease of foreign) blocks.delete(lease);
      if (owner === undefined || before !== node) {
        await write(put("node", node), ...foreign.map((lease) => drop(`block/${lease}`)));
      }
    },
    async kept() {
      await newest;
    },
    async setComplete() {
      if (complete) return;
      complete = true;
      await write(put("complete", true));
    },
  };
}

async function load<T extends { readonly id: string }>(
  store: Store,
  prefix: string,
  parse: (value: unknown) => T,
): Promise<Map<string, T>> {
  const { entries } = await store.list(prefix);
  const items = entries.map((entry) => {
    try {
      return parse(JSON.parse(entry.value));
    } catch (error) {
      throw new HoldfastError(
        "internal",
        `the node's copy holds a record that cannot be read: ${entry.key}: ${errorText(error)}`,
      );
    }
  });
  return new Map(items.map((item) => [item.id, item]));
}
