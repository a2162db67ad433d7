import type { Client } from "@holdfast/client";
import { type Clock, errorText, type Logger, type Name, timeLimit } from "@holdfast/core";
import type { DatapathDriver, WiredInterface } from "@holdfast/datapath";
import { type InventoryEndpoint, type NodeInventory, routes } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import type { RuntimeSightings } from "./runtime-sightings.ts";
import type { Sandboxes, SandboxState } from "./sandboxes.ts";

/** Tells the controller all that this node has: when its feed is in step, and when it is asked. It concludes nothing from it here. */
export interface Inventories {
  /** `revision`: up to which the node has been told of everything. Returns at once; asked again while one is under way, another one follows. */
  tell(revision: number): void;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface InventoriesDependencies {
  readonly book: Book;
  readonly client: Client;
  readonly driver: DatapathDriver;
  readonly sandboxes: Sandboxes;
  readonly sightings: RuntimeSightings;
  /** Endpoints that were asked for and whose answers are on the way. */
  readonly awaited: () => readonly string[];
  readonly clock: Clock;
  readonly logger: Logger;
  /** A name that nobody else makes. */
  readonly nonce: () => string;
}

/** Milliseconds for one inventory, with the controller's answer. */
const TELL_LIMIT = 10_000;

type Strays = NodeInventory["strays"];

/** What the machine says, and when it was asked, epoch milliseconds. */
interface Look {
  readonly at: number;
  readonly interfaces: readonly WiredInterface[];
  readonly sandboxes: ReadonlyMap<string, SandboxState>;
}

export function createInventories(dependencies: InventoriesDependencies, node: Name): Inventories {
  const { book, client, driver, sandboxes, sightings, awaited, clock, logger } = dependencies;
  const run = dependencies.nonce();
  let wanted: number | undefined;
  let wake = (): void => undefined;

  /** The machine first, then the book in one stretch: what has changed in between is not judged by what was seen before. */
  async function take(revision: number, signal: AbortSignal): Promise<NodeInventory> {
    const at = clock.now().getTime();
    const paths = [...book.endpoints.values()].flatMap(({ sandbox }) => sandbox ?? []);
    const [interfaces, states] = await Promise.all([driver.inventory(signal), sandboxes.look(paths)]);
    const look = { at, interfaces, sandboxes: states };
    const links = new Map(interfaces.map((each) => [each.endpoint, each]));
    const all = [...book.endpoints.values()];
    const here = all.filter((endpoint) => !isSettledByReport(endpoint));
    const untold = all.filter(isSettledByReport).flatMap((endpoint) => [endpoint.id, ...replacedBy(endpoint)]);
    return {
      run,
      revision,
      endpoints: here.map((endpoint) => entryOf(endpoint, look, links.get(endpoint.id))),
      awaited: [...awaited(), ...untold],
      runtimes: [...sightings.runtimes()],
      // Last: what it waits for must not come between the others.
      strays: await straysAmong(interfaces, signal),
    };
  }

  /**
   * Interfaces of endpoints that the book does not have. What has ended since the first look had its interface taken before its record: it is a stray
   * only when a look that began without the record still finds it.
   */
  async function straysAmong(interfaces: readonly WiredInterface[], signal: AbortSignal): Promise<Strays> {
    const isUnknown = ({ endpoint }: WiredInterface) => !book.endpoints.has(endpoint);
    const suspects = new Set(interfaces.filter(isUnknown).map(({ endpoint }) => endpoint));
    if (suspects.size === 0) return [];
    const still = (await driver.inventory(signal)).filter((each) => suspects.has(each.endpoint));
    return still.map(({ endpoint, interface: name }) => ({ endpoint, interface: name }));
  }

  function entryOf(endpoint: LocalEndpoint, look: Look, link: WiredInterface | undefined): InventoryEndpoint {
    const { id, tenant, network, identity, ephemeral, epoch, addresses, mac, phase, since, workload, labels, sandbox } =
      endpoint;
    const isOld = since < look.at;
    return {
      ...{ id, tenant, network, identity, ephemeral, epoch, addresses, mac, phase, workload },
      ...(labels === undefined ? {} : { labels }),
      since: new Date(since).toISOString(),
      link: (isOld && link?.state) || "none",
      sandbox: (isOld && sandbox !== undefined && look.sandboxes.get(sandbox)) || "unknown",
      runtime: sightings.stateOf(endpoint),
    };
  }

  async function tellOnce(revision: number, signal: AbortSignal): Promise<void> {
    const limit = timeLimit(clock, TELL_LIMIT, signal);
    try {
      const body = await take(revision, limit);
      await client.call(routes.tellInventory, { params: { node }, body }, { signal: limit });
    } catch (error) {
      // Who wants it asks again; a controller that does not know the request never does.
      if (!signal.aborted) logger.debug("inventory not told", { error: errorText(error) });
    }
  }

  return {
    tell(revision) {
      wanted = revision;
      wake();
    },
    async run(signal) {
      while (!signal.aborted) {
        const revision = wanted;
        wanted = undefined;
        if (revision !== undefined) await tellOnce(revision, signal);
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
            signal.addEventListener("abort", wake, { once: true });
          });
          signal.removeEventListener("abort", wake);
        }
      }
    },
  };
}

/**
 * What was made here and not told yet, and what is released and not told yet and may be gone on with: its report settles it, nobody else. A look at it
 * would find differences that there are none of.
 */
function isSettledByReport({ phase, known }: LocalEndpoint): boolean {
  return phase === "released" || !known;
}

function replacedBy({ replaces, replacesAlso = [] }: LocalEndpoint): string[] {
  return replaces === undefined ? replacesAlso : [replaces, ...replacesAlso];
}
