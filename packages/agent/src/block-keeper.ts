import type { Client } from "@holdfast/client";
import {
  backoff,
  Cidr,
  type Clock,
  createNap,
  errorText,
  type Family,
  type Logger,
  type Name,
  timeLimit,
} from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type NodeBlock, routes, type WiredNetwork } from "@holdfast/model";
import type { BlockAddresses } from "./block-addresses.ts";
import type { Book } from "./book.ts";
import { type HeldBlock, heldBlock } from "./held-block.ts";
import { networkKey } from "./local-endpoint.ts";

/** Sees to it that this node has as many blocks as it needs: asks for more ahead of time, and gives back what it does not need. */
export interface BlockKeeper {
  /** Tells the data path of the blocks that the book has. */
  restore(): void;
  /** The controller says that this node has the block; of its network it has spoken before. */
  take(block: NodeBlock): Promise<void>;
  /** The block is no longer this node's. Endpoints with addresses of it are not touched: the answers to their reports say what becomes of them. */
  drop(lease: string): Promise<void>;
  /** Something has changed that may make more or fewer blocks necessary. */
  look(): void;
  /** An address was given: there may have to be more. */
  given(): void;
  /** An address has become free, so that a block may be left over. */
  freed(): void;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface BlockKeeperDependencies {
  readonly book: Book;
  readonly addresses: BlockAddresses;
  readonly client: Client;
  readonly driver: Pick<DatapathDriver, "setOwnBlock" | "removeOwnBlock">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Whether the feed stands: blocks come over it. */
  readonly inStep: () => boolean;
}

export interface BlockKeeperSettings {
  readonly node: Name;
  /** Milliseconds for which a spare block must have been empty before it is given back. */
  readonly spareMilliseconds: number;
}

/** Another block is asked for when no more than this part of one is left. */
const LOW_WATER = 1 / 4;
const ANSWER_LIMIT = 10_000;
/** Milliseconds after which it is looked again, when nothing happens. */
const LONGEST_WAIT = 3_600_000;
/** Milliseconds for more to become free, before it is looked which blocks are left over. */
const FREED_PAUSE = 100;
/** Milliseconds for a block that was leased to come over the feed. */
const ARRIVAL = 1000;

export function createBlockKeeper(dependencies: BlockKeeperDependencies, settings: BlockKeeperSettings): BlockKeeper {
  const { book, addresses, client, driver, clock, logger, random, inStep } = dependencies;
  const { node, spareMilliseconds } = settings;
  /** Leases that have ended: an older word of the feed may still be on its way. */
  const ended = new Set<string>();
  let changed = true;
  let isFreed = false;
  /** Addresses that may be given before any network can want a block. */
  let plenty = 0;
  const nap = createNap(clock);

  function look(): void {
    changed = true;
    plenty = 0;
    nap.wake();
  }

  /** How many addresses may be given before a network has less than it is to have left. */
  function givesToCome(): number {
    const all = [...book.networks.values()].flatMap((network) => {
      const { nodeBlocks, subnets } = network;
      if (nodeBlocks === undefined) return [];
      const [least, cooldown] = [nodeBlocks.size * LOW_WATER, nodeBlocks.cooldownSeconds * 1000];
      const families = [...new Set(subnets.map(({ prefix }) => Cidr.family(prefix)))];
      return families.map((family) =>
        addresses.hasMoreThan(2 * least, nameOf(network), family, cooldown) ? least : 0,
      );
    });
    return Math.floor(Math.min(...all));
  }

  /** Networks and families of which one more block is needed. */
  function wants(): readonly { readonly network: WiredNetwork; readonly family: Family }[] {
    return [...book.networks.values()].flatMap((network) => {
      const { nodeBlocks } = network;
      if (nodeBlocks === undefined) return [];
      const families = [...new Set(network.subnets.map(({ prefix }) => Cidr.family(prefix)))];
      const [least, cooldown] = [nodeBlocks.size * LOW_WATER, nodeBlocks.cooldownSeconds * 1000];
      const low = (family: Family) => !addresses.hasMoreThan(least, nameOf(network), family, cooldown);
      return families.filter(low).map((family) => ({ network, family }));
    });
  }

  /** When a block that nobody uses may go, epoch milliseconds; undefined: it is in use. */
  function idleSince(block: HeldBlock): number | undefined {
    if (!addresses.isEmpty(block)) return undefined;
    return block.released.reduce((latest, { at }) => Math.max(latest, at), block.since);
  }

  /** Blocks that may go, with the time from which they may. */
  function surplus(): readonly { readonly block: HeldBlock; readonly from: number }[] {
    const found: { block: HeldBlock; from: number }[] = [];
    const spares = new Map<string, { block: HeldBlock; from: number }[]>();
    for (const block of book.blocks.values()) {
      const idle = idleSince(block);
      if (idle === undefined) continue;
      const isWanted = book.networkByName(networkKey(block))?.nodeBlocks !== undefined;
      if (block.givingBack || block.returning === true || !isWanted) found.push({ block, from: 0 });
      else {
        const key = `${networkKey(block)} ${Cidr.family(block.prefix)}`;
        spares.set(key, [...(spares.get(key) ?? []), { block, from: idle + spareMilliseconds }]);
      }
    }
    // The one that came last stays: it has the size that blocks have now.
    for (const list of spares.values()) found.push(...list.sort((a, b) => b.block.since - a.block.since).slice(1));
    return found;
  }

  async function ask(
    { network, family }: { network: WiredNetwork; family: Family },
    signal: AbortSignal,
  ): Promise<void> {
    const held = [...book.blocks.values()].filter(
      (block) => networkKey(block) === nameOf(network) && Cidr.family(block.prefix) === family,
    );
    const { tenant, name } = network;
    const body = { tenant, network: name, family, held: held.map(({ id }) => id) };
    await client.call(
      routes.leaseBlock,
      { params: { node }, body },
      { signal: timeLimit(clock, ANSWER_LIMIT, signal) },
    );
  }

  async function giveBack(block: HeldBlock, signal: AbortSignal): Promise<void> {
    // On disk before it is said: a restarted agent must not give of a block that it has given back.
    if (!block.givingBack) await book.putBlock({ ...block, givingBack: true });
    const resting = block.released.map(({ address, identity, at }) => ({
      address,
      identity,
      releasedAt: new Date(at).toISOString(),
    }));
    const { tenant, network, prefix, id: lease } = block;
    const body = { tenant, network, prefix, lease, resting };
    await client.call(
      routes.returnBlock,
      { params: { node }, body },
      { signal: timeLimit(clock, ANSWER_LIMIT, signal) },
    );
    logger.info("block given back", { block: prefix, network: networkKey(block) });
    await drop(lease);
  }

  function wire(block: HeldBlock): void {
    if (book.networkByName(networkKey(block))?.kind === "routed")
      driver.setOwnBlock({ id: block.id, prefix: block.prefix });
  }

  async function drop(lease: string): Promise<void> {
    ended.add(lease);
    driver.removeOwnBlock(lease);
    await book.deleteBlock(lease);
    look();
  }

  /** Does what is to be done now. Milliseconds until there is more to do. */
  async function round(signal: AbortSignal): Promise<number> {
    const now = clock.now().getTime();
    const all = surplus();
    const failures: unknown[] = [];
    // One network that has no block left must not keep the others from getting theirs.
    const attempt = (work: Promise<void>): Promise<void> => work.catch((error: unknown) => void failures.push(error));
    for (const { block } of all.filter(({ from }) => from <= now)) {
      // What was given meanwhile keeps it.
      const present = book.blocks.get(block.id);
      if (present !== undefined && addresses.isEmpty(present)) await attempt(giveBack(present, signal));
    }
    const wanted = wants();
    for (const want of wanted) await attempt(ask(want, signal));
    if (failures.length > 0) throw failures[0];
    if (wanted.length > 0) return ARRIVAL;
    return all.reduce((next, { from }) => (from > now ? Math.min(next, from - now) : next), LONGEST_WAIT);
  }

  async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
    if (!changed && !isFreed) await nap.sleep(milliseconds, signal);
    // Nobody waits for what has become free.
    if (!changed && isFreed) await nap.sleep(FREED_PAUSE, signal);
    isFreed = false;
  }

  return {
    restore() {
      for (const block of book.blocks.values()) wire(block);
    },

    async take(block) {
      if (ended.has(block.lease)) return;
      const known = book.blocks.get(block.lease);
      if (known === undefined)
        logger.info("block to give addresses from", { block: block.prefix, network: networkKey(block) });
      const held = heldBlock(block, known, clock.now().getTime());
      wire(held);
      await book.putBlock(held);
      look();
    },

    drop,
    look,

    given() {
      if (plenty-- > 0) return;
      plenty = givesToCome();
      if (plenty === 0 && wants().length > 0) look();
    },

    freed() {
      if (isFreed) return;
      isFreed = true;
      nap.wake();
    },

    async run(signal) {
      let attempt = 0;
      let next = 0;
      while (!signal.aborted) {
        await pause(next, signal);
        if (signal.aborted) return;
        changed = false;
        next = LONGEST_WAIT;
        if (!inStep()) continue;
        try {
          next = await round(signal);
          attempt = 0;
        } catch (error) {
          if (signal.aborted) return;
          logger.warn("blocks are not as they should be, will be tried again", { error: errorText(error) });
          await clock.wait(backoff(attempt++, { random }), signal).catch(() => undefined);
          changed = true;
        }
      }
    },
  };
}

function nameOf({ tenant, name }: WiredNetwork): string {
  return `${tenant}/${name}`;
}
