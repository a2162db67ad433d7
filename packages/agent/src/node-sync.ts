import type { Client } from "@holdfast/client";
import {
  backoff,
  type Clock,
  createWatchdog,
  errorText,
  isHoldfastError,
  type Logger,
  type Name,
  timeLimit,
} from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type Endpoint, isOnWire, type NodeFeedMessage, type Phase, routes } from "@holdfast/model";
import type { BlockKeeper } from "./block-keeper.ts";
import type { Book } from "./book.ts";
import type { Policies } from "./policies.ts";
import type { QosFollower } from "./qos.ts";
import type { Reporter } from "./reporter.ts";
import type { Takedown } from "./takedown.ts";

/** Keeps the book and the data path as the controller wants them, by following the node's feed. */
export interface NodeSync {
  /** Runs until the signal is aborted; reconnects by itself. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether the feed stands and has said everything. */
  readonly inStep: boolean;
}

export interface NodeSyncDependencies {
  readonly book: Book;
  readonly client: Client;
  readonly driver: DatapathDriver;
  readonly takedown: Takedown;
  readonly reporter: Reporter;
  readonly policies: Pick<Policies, "take" | "gone">;
  readonly qos: Pick<QosFollower, "take">;
  readonly blocks: Pick<BlockKeeper, "take" | "drop" | "look">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** The controller is to be told what this node has, which has been told of everything up to this revision. */
  readonly tellInventory: (revision: number) => void;
  /** The set of networks has changed. */
  readonly networksChanged: () => void;
  /** Resolves when the request for this endpoint, if one is under way, has ended and the book has what it gave. */
  readonly arrived: (endpoint: string) => Promise<void>;
  /** Registers the node: a feed is only for nodes that the controller knows. */
  readonly register: (signal: AbortSignal) => Promise<void>;
  /** What runs here, of what the controller has on this node, is in the book again. */
  readonly takeBack: (endpoints: readonly string[], signal: AbortSignal) => Promise<void>;
  /** Milliseconds without a word after which the feed counts as lost: a controller whose machine has died does not say so. */
  readonly silence: number;
  /** A number in [0, 1): spreads the tries of many nodes. */
  readonly random: () => number;
}

/** What one connection has said so far, until `synced`. */
interface Seen {
  readonly networks: Set<string>;
  readonly endpoints: Set<string>;
  readonly remotes: Set<string>;
  /** Leases of other nodes. */
  readonly remoteBlocks: Set<string>;
  /** Leases. */
  readonly blocks: Set<string>;
}

export function createNodeSync(dependencies: NodeSyncDependencies, node: Name): NodeSync {
  const { book, blocks, client, driver, takedown, reporter, clock, logger, networksChanged, register, arrived } =
    dependencies;
  const { silence, random, policies, qos } = dependencies;
  let inStep = false;
  let everInStep = false;

  async function take(message: NodeFeedMessage, seen: Seen, signal: AbortSignal): Promise<void> {
    switch (message.kind) {
      case "policy":
        await policies.take(message.change, message.whole, signal);
        break;
      case "network":
        seen.networks.add(message.network.id);
        driver.setNetwork(message.network);
        await book.putNetwork(message.network);
        blocks.look();
        networksChanged();
        break;
      case "network-gone":
        await dropNetwork(message.id);
        break;
      case "block":
        seen.blocks.add(message.block.lease);
        await blocks.take(message.block);
        break;
      case "block-gone":
        await blocks.drop(message.lease);
        break;
      case "endpoint":
        seen.endpoints.add(message.endpoint.id);
        await qos.take(message.endpoint);
        if (inStep) await releaseStrangers([message.endpoint.id], { everWired: false }, signal);
        break;
      case "endpoint-gone":
        await takedown.forget(message.id, message.reason, signal);
        await policies.gone(message.id);
        break;
      case "remote":
        seen.remotes.add(message.remote.id);
        driver.setRemote(message.remote);
        await book.putRemote(message.remote);
        break;
      case "remote-gone":
        await dropRemote(message.id);
        break;
      case "remote-block":
        seen.remoteBlocks.add(message.block.id);
        driver.setRemoteBlock(message.block);
        await book.putRemoteBlock(message.block);
        break;
      case "remote-block-gone":
        await dropRemoteBlock(message.id);
        break;
      case "synced":
        await endOfSnapshot(seen, signal);
        dependencies.tellInventory(message.revision);
        break;
      case "inventory-wanted":
        if (inStep) dependencies.tellInventory(message.revision);
        break;
      case "beat":
        break;
    }
  }

  async function dropNetwork(id: string): Promise<void> {
    driver.removeNetwork(id);
    await book.deleteNetwork(id);
    networksChanged();
  }

  async function dropRemote(id: string): Promise<void> {
    driver.removeRemote(id);
    await book.deleteRemote(id);
  }

  async function dropRemoteBlock(id: string): Promise<void> {
    driver.removeRemoteBlock(id);
    await book.deleteRemoteBlock(id);
  }

  /** What the snapshot did not name is gone; endpoints are asked for one by one, for a running one is never dropped on silence. */
  async function endOfSnapshot(seen: Seen, signal: AbortSignal): Promise<void> {
    for (const lease of [...book.blocks.keys()]) if (!seen.blocks.has(lease)) await blocks.drop(lease);
    for (const id of [...book.remotes.keys()]) if (!seen.remotes.has(id)) await dropRemote(id);
    for (const id of [...book.remoteBlocks.keys()]) if (!seen.remoteBlocks.has(id)) await dropRemoteBlock(id);
    for (const id of [...book.networks.keys()]) {
      const used = [...book.endpoints.values()].some(
        (endpoint) => endpoint.networkId === id && endpoint.phase !== "released",
      );
      if (!seen.networks.has(id) && !used) await dropNetwork(id);
    }
    for (const endpoint of book.endpoints.values()) if (!seen.endpoints.has(endpoint.id)) reporter.notify(endpoint.id);
    // Before anything is given back or pruned: a book that was lost must not cost containers their network.
    if (!everInStep) await dependencies.takeBack([...seen.endpoints], timeLimit(clock, silence, signal));
    if (book.complete) await releaseStrangers([...seen.endpoints], { everWired: false }, signal);
    await book.setComplete();
    await driver.synced(signal);
    // Now the data path holds nothing that the book does not have. A loss of power may have taken the newest pages of it.
    if (!everInStep) await releaseStrangers([...seen.endpoints], { everWired: true }, signal);
    everInStep = true;
    reporter.retryNow();
    inStep = true;
    blocks.look();
    networksChanged();
    logger.info("node is in step with the controller", {
      networks: book.networks.size,
      endpoints: book.endpoints.size,
    });
  }

  /**
   * Gives back endpoints that the controller has given to this node and that the book does not have: the answer never arrived, because this process
   * or the connection died in between; with `everWired` also those that had been on the wire.
   */
  async function releaseStrangers(
    ids: readonly string[],
    { everWired }: { readonly everWired: boolean },
    signal: AbortSignal,
  ): Promise<void> {
    await Promise.all(ids.map((id) => arrived(id)));
    // What an endpoint of ours goes on with is told with that one, in one step.
    const goneOnWith = new Set(
      [...book.endpoints.values()].flatMap(({ replaces, replacesAlso = [] }) => [replaces, ...replacesAlso]),
    );
    const strangers = ids.filter((id) => !book.endpoints.has(id) && !goneOnWith.has(id));
    if (strangers.length === 0) return;
    // An answer that never comes must not hold up what the feed says next.
    const limit = timeLimit(clock, silence, signal);
    const found = await Promise.all(strangers.map((id) => endpointIfAny(id, limit)));
    const reports = found.flatMap((endpoint) => {
      if (endpoint === undefined) return [];
      const { id, epoch, phase } = endpoint;
      if (phase !== "reserved" && !everWired) return [];
      const step = { at: clock.now().toISOString(), actor: `node/${node}`, reason: reasonFor(phase) };
      const end = { phase: "released", ...step } as const;
      return [
        { endpoint: id, epoch, transitions: isOnWire(phase) ? [{ phase: "failed" as const, ...step }, end] : [end] },
      ];
    });
    if (reports.length === 0) return;
    logger.warn("endpoints unknown to this node are given back", {
      endpoints: reports.map(({ endpoint }) => endpoint),
    });
    await client.call(routes.report, { params: { node }, body: { reports } }, { signal: limit });
  }

  /** What the controller has; undefined: nothing any more. */
  async function endpointIfAny(endpoint: string, limit: AbortSignal): Promise<Endpoint | undefined> {
    try {
      return await client.call(routes.getEndpoint, { params: { endpoint } }, { signal: limit });
    } catch (error) {
      if (isHoldfastError(error, "not_found")) return undefined;
      throw error;
    }
  }

  async function followOnce(signal: AbortSignal): Promise<void> {
    await register(timeLimit(clock, silence, signal));
    const seen: Seen = {
      networks: new Set(),
      endpoints: new Set(),
      remotes: new Set(),
      remoteBlocks: new Set(),
      blocks: new Set(),
    };
    const followed = { params: { node }, query: { policies: "true", qos: "true" } } as const;
    const watchdog = createWatchdog(clock, silence, signal);
    try {
      for await (const message of client.stream(routes.followNode, followed, watchdog)) {
        // What takes long here says nothing about the controller.
        watchdog.rest();
        await take(message, seen, signal);
        watchdog.watch();
      }
    } finally {
      watchdog.rest();
    }
  }

  return {
    get inStep() {
      return inStep;
    },
    async run(signal) {
      let attempt = 0;
      while (!signal.aborted) {
        try {
          await followOnce(signal);
        } catch (error) {
          if (signal.aborted) break;
          reporter.lostContact();
          if (inStep) attempt = 0;
          if (inStep || attempt === 0)
            logger.warn("feed lost, node goes on with its own copy", { error: errorText(error) });
          else logger.debug("feed not reached", { error: errorText(error) });
        }
        inStep = false;
        await clock.wait(backoff(attempt++, { longest: 2000, random }), signal).catch(() => undefined);
      }
    },
  };
}

function reasonFor(phase: Phase): string {
  return phase === "reserved"
    ? "reserved, but its node never received the answer"
    : "its node has lost its record of it, and does not have it on the wire";
}
