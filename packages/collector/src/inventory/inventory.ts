import { type Client, listAll } from "@holdfast/client";
import { backoff, type Clock, createNap, createWatchdog, errorText, type IpAddress, type Logger } from "@holdfast/core";
import { addressWords, type InventoryChange } from "@holdfast/flow";
import { type FlowStatus, type Network, type NodeRecord, routes, type WatchEvent } from "@holdfast/model";
import type { EndpointEnd } from "../windows/traffic.ts";
import { createEndpointBook } from "./endpoint-book.ts";
import { readMemberships } from "./memberships.ts";
import { createNetworkMap } from "./network-map.ts";
import { createNumbers } from "./numbers.ts";
import { readPastEndpoints } from "./past-endpoints.ts";

/** Who has what, and since when, as a controller says it: all there is, then every change as it happens. */
export interface Inventory {
  /** Runs until the signal is aborted; reconnects by itself. */
  run(signal: AbortSignal): Promise<void>;
  status(): FlowStatus["inventory"];
  /** Resolves when names are known for the first time. */
  readonly loaded: Promise<void>;
  /** Whose a number is, that of an endpoint that has ended lately included. */
  endpoint(number: number): Omit<EndpointEnd, "address"> | undefined;
  /** The node whose exporter calls itself so. */
  nodeOf(agent: string): string | undefined;
  isInside(address: IpAddress, tenant: string | undefined): boolean;
}

export interface InventoryDependencies {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Is told everything that an attribution wants to know. */
  readonly tell: (changes: readonly InventoryChange[]) => void;
}

const KINDS = ["network", "node", "endpoint"] as const;
/** So many changes are told at once: who is told has other work as well. */
const MOST_AT_ONCE = 500;
/** Milliseconds without a word: several beats of the controller. */
const SILENCE = 30_000;
/** Milliseconds for which it is remembered who had what. */
const HISTORY = 600_000;
/** Names are kept for longer, because windows are named when they are over. */
const NAMES = 900_000;
const FORGET_EVERY = 60_000;
/** Nothing tells of changes of groups. */
const LOOK_AT_GROUPS_EVERY = 60_000;

export function createInventory({ client, clock, logger, tell }: InventoryDependencies): Inventory {
  const nodeNumbers = createNumbers();
  const networks = createNetworkMap();
  const endpoints = createEndpointBook(nodeNumbers);
  const nodes = new Map<string, NodeRecord>();
  const agents = new Map<string, string>();
  const groupsDue = createNap(clock);
  const pastDue = createNap(clock);
  let state: FlowStatus["inventory"]["state"] = "loading";
  let since = clock.now();
  let failure: string | undefined;
  const loaded = Promise.withResolvers<void>();

  function enter(next: typeof state, error?: string): void {
    if (next !== state) since = clock.now();
    state = next;
    failure = error;
  }

  function putNetwork(network: Network): InventoryChange[] {
    networks.set(network);
    return [];
  }

  function putNode(node: NodeRecord): InventoryChange[] {
    const before = nodes.get(node.name);
    const own = agentsOf(node);
    nodes.set(node.name, node);
    if (before !== undefined && agentsOf(before).join() === own.join()) return [];
    for (const agent of own) agents.set(agent, node.name);
    const from = before === undefined ? clock.now().getTime() : 0;
    return [{ kind: "node", node: nodeNumbers.of(node.name), agents: own.map(addressWords), from }];
  }

  function take(event: WatchEvent): InventoryChange[] {
    if (event.type === "put" && event.kind === "network") return putNetwork(event.object);
    if (event.type === "put" && event.kind === "node") return putNode(event.object);
    if (event.type === "put" && event.kind === "endpoint") return [...endpoints.put(event.object, networks)];
    if (event.type !== "delete") return [];
    if (event.kind === "network") networks.delete(event.key.tenant ?? "", event.key.network ?? "");
    if (event.kind === "node") nodes.delete(event.key.node ?? "");
    if (event.kind === "endpoint") return [endpoints.end(event.key.endpoint ?? "", clock.now().getTime()) ?? []].flat();
    return [];
  }

  /** Everything that there is; what is not there any more has ended. */
  async function load(signal: AbortSignal): Promise<void> {
    for await (const network of listAll(client, routes.listNetworks, {}, { signal })) putNetwork(network);
    for await (const node of listAll(client, routes.listNodes, {}, { signal })) tell(putNode(node));
    const ids = new Set<string>();
    let waiting: InventoryChange[] = [];
    for await (const endpoint of listAll(client, routes.listEndpoints, {}, { signal })) {
      ids.add(endpoint.id);
      waiting.push(...endpoints.put(endpoint, networks));
      if (waiting.length < MOST_AT_ONCE) continue;
      tell(waiting);
      waiting = [];
    }
    tell([...waiting, ...endpoints.keep(ids, clock.now().getTime())]);
  }

  /** Begins to follow before it looks, so that nothing happens between the two. */
  async function follow(outer: AbortSignal): Promise<void> {
    const watchdog = createWatchdog(clock, SILENCE, outer);
    let isLoaded = false;
    try {
      const query = { kinds: KINDS.join(",") };
      for await (const event of client.stream(routes.watch, { query }, { signal: watchdog.signal })) {
        watchdog.watch();
        if (!isLoaded) await load(watchdog.signal);
        if (!isLoaded) {
          enter("in-step");
          groupsDue.wake();
          pastDue.wake();
        }
        isLoaded = true;
        if (event.type === "error") throw new Error(event.problem.detail);
        const changes = take(event);
        if (changes.length > 0) tell(changes);
      }
    } finally {
      watchdog.rest();
    }
  }

  /** Who has ended before this began: samples of that time may still come. */
  async function tellPast(signal: AbortSignal): Promise<void> {
    while (state === "loading" && !signal.aborted) await pastDue.sleep(SILENCE, signal);
    if (signal.aborted) return;
    try {
      const since = new Date(clock.now().getTime() - HISTORY).toISOString();
      const past = await readPastEndpoints({ client, networks }, since, signal);
      for (let at = 0; at < past.length; at += MOST_AT_ONCE) {
        tell(past.slice(at, at + MOST_AT_ONCE).flatMap((one) => endpoints.pass(one, one.endedAt, networks)));
      }
    } catch (error) {
      if (!signal.aborted) logger.warn("who had addresses before is not known", { error: errorText(error) });
    }
    loaded.resolve();
  }

  async function forgetInTime(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.wait(FORGET_EVERY, signal).catch(() => undefined);
      const now = clock.now().getTime();
      tell([{ kind: "forget", before: now - HISTORY }]);
      endpoints.forget(now - NAMES);
    }
  }

  /** Who is in which group, as of now: of an endpoint that is new it is known with the next look. */
  async function followGroups(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (state === "in-step") endpoints.setGroups(await readMemberships(client, endpoints.claims(), signal));
      } catch (error) {
        if (!signal.aborted) logger.warn("groups cannot be read; they are as before", { error: errorText(error) });
      }
      await groupsDue.sleep(LOOK_AT_GROUPS_EVERY, signal);
    }
  }

  async function followAgain(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        await follow(signal);
      } catch (error) {
        if (signal.aborted) return;
        if (state === "in-step") attempt = 0;
        logger.warn("names do not follow the controller", { error: errorText(error) });
        enter(state === "loading" ? "loading" : "behind", errorText(error));
      }
      await clock.wait(backoff(attempt), signal).catch(() => undefined);
    }
  }

  return {
    async run(signal) {
      await Promise.all([followAgain(signal), tellPast(signal), forgetInTime(signal), followGroups(signal)]);
    },
    loaded: loaded.promise,
    status: () => ({
      state,
      since: since.toISOString(),
      endpoints: endpoints.size,
      nodes: nodes.size,
      ...(failure === undefined ? {} : { error: failure }),
    }),
    endpoint: endpoints.name,
    nodeOf: (agent) => agents.get(agent),
    isInside: networks.isInside,
  };
}

/** What a node's exporter may call itself by. */
function agentsOf({ addresses = [], tunnelAddress, sflowAgent }: NodeRecord): IpAddress[] {
  return [...new Set([sflowAgent, tunnelAddress, ...addresses])].filter((address) => address !== undefined);
}
