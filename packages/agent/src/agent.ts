import { randomBytes } from "node:crypto";
import type { Client } from "@holdfast/client";
import {
  type Clock,
  createTurns,
  errorText,
  HoldfastError,
  type Logger,
  type Name,
  type Reached,
} from "@holdfast/core";
import type { DatapathDriver, FlowExport } from "@holdfast/datapath";
import type { NodeReport, WiredNetwork, WorkloadApi } from "@holdfast/model";
import type { PolicyBook } from "@holdfast/policy";
import type { Store } from "@holdfast/store";
import { type Attachments, createAttachments } from "./attachments.ts";
import { createBlockAddresses } from "./block-addresses.ts";
import { type BlockKeeper, createBlockKeeper } from "./block-keeper.ts";
import { type Book, openBook } from "./book.ts";
import { createEndpointChanges } from "./endpoint-changes.ts";
import { createFirstUse } from "./first-use.ts";
import { createFlowExports, type OwnFlowExport } from "./flow-exports.ts";
import { createInventories, type Inventories } from "./inventories.ts";
import { createLiveness } from "./liveness.ts";
import { infoOf } from "./local-endpoint.ts";
import { createNetworkWatch, type NetworkWatch } from "./network-watch.ts";
import { createNodeSync, type NodeSync } from "./node-sync.ts";
import { createOwnAddresses } from "./own-addresses.ts";
import { createPolicies, type Policies } from "./policies.ts";
import { openPolicyRecords, type PolicyRecords } from "./policy-records.ts";
import { watchPorts } from "./port-watch.ts";
import { createQosFollower } from "./qos.ts";
import { createRecovery } from "./recovery.ts";
import { createReporter, type Reporter } from "./reporter.ts";
import { expireReservations } from "./reservation-expiry.ts";
import { createReservations, type Reservations } from "./reservations.ts";
import { createRuleCounts } from "./rule-counts.ts";
import { createRuntimeSightings, type RuntimeSightings } from "./runtime-sightings.ts";
import { type Sandboxes, UNSEEN_SANDBOXES } from "./sandboxes.ts";
import { startStatusServer } from "./status-server.ts";
import { createTakedown, type Takedown } from "./takedown.ts";
import { createTakedownRetry, type TakedownRetry } from "./takedown-retry.ts";

export interface AgentDependencies {
  /** The node's own copy of its desired state. */
  readonly store: Store;
  readonly client: Client;
  readonly driver: DatapathDriver;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A name that nobody else makes, 16 hexadecimal digits. Default: of the machine's randomness. */
  readonly nonce?: () => string;
  /** A number in [0, 1), to spread the tries of many nodes. Default `Math.random`. */
  readonly random?: () => number;
  /** Absent: nothing is known of sandboxes, and nothing is concluded from them. */
  readonly sandboxes?: Sandboxes;
  readonly reached?: Reached | undefined;
  /** Absent: the node exports no sFlow, whatever is wanted. */
  readonly flowExport?: Pick<FlowExport, "set" | "status">;
}

const freshNonce = () => randomBytes(8).toString("hex");

export interface AgentSettings {
  readonly node: Name;
  readonly report: NodeReport;
  readonly beatMilliseconds: number;
  readonly reservationTimeoutMilliseconds: number;
  /** After this time without a word, also without a beat, the controller's feed counts as lost. Default 30 s, six of its beats. */
  readonly feedSilenceMilliseconds?: number;
  /** For how long a spare block of addresses has to be empty before it is given back. Default 10 minutes. */
  readonly spareBlockMilliseconds?: number;
  /** Pause between two looks at what rules and guards have counted. Default 10 s. */
  readonly countMilliseconds?: number;
  /** What the node's own configuration says of the export of sFlow. Absent: it is as the controller says. */
  readonly flowExport?: OwnFlowExport;
  /** `HOST:PORT` of the status server; absent: none. */
  readonly status?: string;
}

/** Milliseconds: six beats of a controller. */
const FEED_SILENCE = 30_000;

/** Milliseconds. */
const SPARE_BLOCK = 600_000;

/** Milliseconds. */
const COUNT_INTERVAL = 10_000;

/** One machine's part of the platform. */
export interface Agent {
  /** What the plugins of container runtimes call. */
  readonly workloads: WorkloadApi;
  /** Stops following and reporting. Containers go on: nothing is taken down. */
  stop(): Promise<void>;
}

/**
 * Starts from the book on disk: existing endpoints are recognised and left alone. A controller is not needed.
 *
 * @throws HoldfastError when the book cannot be read or the status address is taken; `precondition_failed` when the book holds endpoints of
 * another node name.
 */
export async function startAgent(dependencies: AgentDependencies, settings: AgentSettings): Promise<Agent> {
  const { driver, logger } = dependencies;
  const stop = new AbortController();
  const book = await openBook(dependencies.store, dependencies.nonce ?? freshNonce, dependencies.clock);
  await book.belongTo(settings.node);
  const report = { ...settings.report, instance: await book.instance };
  const told = await openPolicyRecords(dependencies.store);
  const parts = createParts(dependencies, { ...settings, report }, { book, ...told });
  const { attachments, reporter, networkWatch, liveness, sync } = parts;

  for (const network of book.networks.values()) driver.setNetwork(network);
  for (const remote of book.remotes.values()) driver.setRemote(remote);
  for (const block of book.remoteBlocks.values()) driver.setRemoteBlock(block);
  parts.blocks.restore();
  const jobs: [string, Promise<void>][] = [["ports", watchPorts(parts, stop.signal)]];
  // Before any endpoint: none may send before its policy is in force.
  await parts.policies.restore(stop.signal);
  await attachments.restore(stop.signal);
  if (book.complete) await driver.synced(stop.signal);

  jobs.push(["reports", reporter.run(stop.signal)]);
  jobs.push(["feed", sync.run(stop.signal)]);
  jobs.push(["beats", liveness.run(stop.signal)]);
  jobs.push(["inventories", parts.inventories.run(stop.signal)]);
  jobs.push(["blocks", parts.blocks.run(stop.signal)]);
  jobs.push(["policies", parts.policies.run(stop.signal)]);
  const counting = { node: settings.node, interval: settings.countMilliseconds ?? COUNT_INTERVAL };
  const isOnlyStaged = (program: string) => told.policies.isOnlyStaged(program);
  const counts = createRuleCounts({ ...dependencies, nonce: dependencies.nonce ?? freshNonce, isOnlyStaged }, counting);
  jobs.push(["counts", counts.run(stop.signal)]);
  jobs.push(["takedowns", parts.takedownRetry.run(stop.signal)]);
  const timeout = settings.reservationTimeoutMilliseconds;
  jobs.push(["reservations", expireReservations({ ...dependencies, ...parts }, timeout, stop.signal)]);
  for (const [job, done] of jobs) {
    void done.catch((error: unknown) => {
      if (!stop.signal.aborted) logger.error("a job of the agent has ended", { job, error: errorText(error) });
    });
  }
  const source = {
    book,
    inStep: () => sync.inStep,
    rows: () => [...driver.status(), ...parts.policies.problems(), ...(dependencies.flowExport?.status() ?? [])],
  };
  const status = settings.status === undefined ? undefined : await startStatusServer(source, settings.status);

  return {
    workloads: workloadApi(parts, networkWatch),
    async stop() {
      stop.abort(new HoldfastError("unavailable", "the agent is stopping"));
      await status?.stop();
      await Promise.allSettled(jobs.map(([, done]) => done));
    },
  };
}

interface Parts {
  readonly book: Book;
  readonly driver: DatapathDriver;
  readonly logger: Logger;
  readonly changes: ReturnType<typeof createEndpointChanges>;
  readonly takedown: Takedown;
  readonly reporter: Reporter;
  readonly policies: Policies;
  readonly reservations: Reservations;
  readonly attachments: Attachments;
  readonly networkWatch: NetworkWatch;
  readonly liveness: ReturnType<typeof createLiveness>;
  readonly sync: NodeSync;
  readonly blocks: BlockKeeper;
  readonly takedownRetry: TakedownRetry;
  readonly sandboxes: Sandboxes;
  readonly sightings: RuntimeSightings;
  readonly inventories: Inventories;
}

interface OnDisk {
  readonly book: Book;
  readonly policies: PolicyBook;
  readonly records: PolicyRecords;
}

function createParts(dependencies: AgentDependencies, settings: AgentSettings, onDisk: OnDisk): Parts {
  const { book } = onDisk;
  const rewire = (endpoint: string, signal: AbortSignal) => attachments.rewire(endpoint, signal);
  const policies = createPolicies({ ...dependencies, ...onDisk, rewire });
  const { node } = settings;
  const { nonce = freshNonce, random = Math.random, sandboxes = UNSEEN_SANDBOXES } = dependencies;
  const turns = createTurns();
  const networkWatch = createNetworkWatch(book);
  const reporter: Reporter = createReporter({ ...dependencies, random, book, takedown: () => takedown }, node);
  const changes = createEndpointChanges({ ...dependencies, book, reported: (id) => reporter.notify(id) }, node);
  const takedownRetry = createTakedownRetry({ ...dependencies, random, book, takedown: () => takedown });
  const takedown: Takedown = createTakedown({
    ...dependencies,
    book,
    changes,
    lost: (endpoint) => reporter.lost(endpoint),
    left: takedownRetry.left,
  });
  const common = { ...dependencies, book, changes, takedown, reporter, turns };
  const flowExports = createFlowExports(dependencies.flowExport, { own: settings.flowExport, report: settings.report });
  const liveness = createLiveness({ ...dependencies, reporter, heard: flowExports.hear }, settings);
  const newId = () => `e-${nonce()}`;
  const addresses = createBlockAddresses(book, () => dependencies.clock.now().getTime());
  const blocks: BlockKeeper = createBlockKeeper(
    { ...common, addresses, random, inStep: () => sync.inStep },
    { node, spareMilliseconds: settings.spareBlockMilliseconds ?? SPARE_BLOCK },
  );
  book.whenFreed(() => blocks.freed());
  const ownAddresses = createOwnAddresses({ ...common, addresses, newId, given: () => blocks.given() }, node);
  const checkAccepted = () => liveness.checkAccepted();
  const reservations = createReservations({ ...common, policies, ownAddresses, newId, checkAccepted }, node);
  const attachments = createAttachments(
    { ...common, policies, reservations, firstUse: createFirstUse(common, node) },
    node,
  );
  const sightings = createRuntimeSightings(dependencies);
  const inventories = createInventories(
    { ...common, sandboxes, sightings, nonce, awaited: () => reservations.awaited() },
    node,
  );
  const recovery = createRecovery({ ...common, attachments });
  const sync: NodeSync = createNodeSync(
    {
      ...common,
      policies,
      qos: createQosFollower({ ...common, rewire, arrived: (endpoint) => reservations.arrived(endpoint) }),
      blocks,
      takeBack: recovery.takeBack,
      tellInventory: (revision) => inventories.tell(revision),
      networksChanged: () => networkWatch.changed(),
      arrived: (endpoint) => reservations.arrived(endpoint),
      register: (signal) => liveness.register(signal),
      random,
      silence: settings.feedSilenceMilliseconds ?? FEED_SILENCE,
    },
    node,
  );
  const own = { policies, reservations, attachments, networkWatch, liveness, sync, blocks, takedownRetry, inventories };
  return { ...common, ...own, sandboxes, sightings };
}

function workloadApi(parts: Parts, networkWatch: NetworkWatch): WorkloadApi {
  const { book, reservations, attachments } = parts;
  return {
    async network(tenant, network): Promise<WiredNetwork> {
      const found = book.networkByName(`${tenant}/${network}`);
      if (found !== undefined) return found;
      throw new HoldfastError(
        "not_found",
        `network ${tenant}/${network} is not known on this node; see: holdfast network list`,
      );
    },
    watchNetworks: (signal) => networkWatch.follow(signal),
    reserve: (request, signal) => reservations.reserve(request, signal),
    unreserve: (request, signal) => reservations.unreserve(request, signal),
    attach: (request, signal) => attachments.attach(request, signal),
    joined: (request, signal) => attachments.joined(request, signal),
    detach: (request, signal) => attachments.detach(request, signal),
    inspect(runtimeEndpoint) {
      const endpoint = book.byRuntime(runtimeEndpoint);
      return endpoint === undefined ? undefined : infoOf(endpoint);
    },
    attachments: (runtime) =>
      [...book.endpoints.values()].filter(({ workload }) => workload.runtime === runtime).map(infoOf),
    sighted: (runtime, listed) => parts.sightings.sighted(runtime, listed),
    containerNamed: (request) => attachments.containerNamed(request),
    reclaim: (endpoints, reason, signal) => attachments.reclaim(endpoints, reason, signal),
  };
}
