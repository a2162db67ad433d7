import { backoff, type Clock, errorText, type Logger } from "@holdfast/core";
import type { AttachmentInfo, WiredNetwork, WorkloadApi } from "@holdfast/model";
import type { Records } from "../drivers/records.ts";
import type { Sandboxes } from "../drivers/sandbox.ts";
import { createComplaints } from "./complaints.ts";
import type { Engine, EngineNetwork } from "./engine.ts";
import { CONFIRM_AFTER, createLeakFinder, RESERVATION_GRACE } from "./leak-finder.ts";
import { createNetworkMemory } from "./network-memory.ts";
import { createNetworkReconciler, STEP_RETRY } from "./network-reconciler.ts";
import { createTrigger } from "./trigger.ts";

/** What the loop works with. */
export interface EngineLoopDependencies {
  readonly engine: Engine;
  readonly workloads: WorkloadApi;
  readonly records: Records;
  readonly sandboxes: Sandboxes;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Looks at dockerd when it comes, when it says that something happened, and when the networks change; and does what follows from it. */
export interface EngineLoop {
  /** Until the signal is aborted; resolves then. */
  run(signal: AbortSignal): Promise<void>;
  /** Whether dockerd serves its API, as far as is known. */
  isConnected(): boolean;
  /** Has dockerd looked at soon; returns at once. */
  lookAgain(): void;
}

/** Milliseconds between two looks at the least: a start of a container alone makes five events. */
const LEAST_PAUSE = 1_000;
export function createEngineLoop({
  engine,
  workloads,
  records,
  sandboxes,
  clock,
  logger,
}: EngineLoopDependencies): EngineLoop {
  const trigger = createTrigger();
  const leaks = createLeakFinder();
  const memory = createNetworkMemory({ records, logger, isAttached: (id) => workloads.inspect(id) !== undefined });
  const complaints = createComplaints(logger);
  const reconciler = createNetworkReconciler({ engine, complaints, logger, isAttached });
  const named = new Map<string, string>();
  let desired: readonly WiredNetwork[] | undefined;
  let connected = false;
  let events = 0;
  let engineSince = 0;
  /** Ends the pause between two looks: who has just made a network uses it next. */
  let hurry = new AbortController();
  /** Ends the wait for the next look without an event. */
  let nextLook = new AbortController();
  let reclaimed: ReadonlySet<string> = new Set();

  /** Keeps the subscription; the pauses grow while there is no engine. */
  async function followEvents(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        for await (const event of engine.events(signal)) {
          attempt = 0;
          if (event === "connected") {
            engineSince = clock.now().getTime();
            logger.info("watching dockerd");
          }
          connected = true;
          events += 1;
          trigger.fire();
        }
      } catch (error) {
        if (signal.aborted) return;
        if (attempt === 0) logger.info("dockerd is not there", { error: errorText(error) });
      }
      connected = false;
      workloads.sighted?.("docker", undefined);
      leaks.forget();
      await clock.wait(backoff(attempt), signal).catch(() => {});
    }
  }

  async function followNetworks(signal: AbortSignal): Promise<void> {
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        for await (const networks of workloads.watchNetworks(signal)) {
          attempt = 0;
          desired = networks;
          hurry.abort();
          trigger.fire();
        }
      } catch (error) {
        if (!signal.aborted) logger.warn("the networks cannot be followed", { error: errorText(error) });
      }
      await clock.wait(backoff(attempt), signal).catch(() => {});
    }
  }

  async function work(signal: AbortSignal): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      await trigger.wait(signal);
      if (!connected) continue;
      hurry = new AbortController();
      const paused = AbortSignal.any([signal, hurry.signal]);
      try {
        const next = await look(signal);
        if (next !== undefined) fireAfter(next, signal);
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        logger.warn("dockerd could not be looked at", { error: errorText(error) });
        fireAfter(backoff(failures++, { first: LEAST_PAUSE, longest: 30_000 }), signal);
      }
      await clock.wait(LEAST_PAUSE, paused).catch(() => signal.throwIfAborted());
    }
  }

  /** Gives the milliseconds after which to look again although nothing happens. */
  async function look(signal: AbortSignal): Promise<number | undefined> {
    const attachments = workloads.attachments("docker");
    const [at, monotonic, eventsBefore] = [clock.now().getTime(), clock.monotonic(), events];
    const observed = await engine.networks(signal);
    const endpoints = observed.flatMap((network) => network.endpoints);
    const networksMissing = await memory.compare(observed, monotonic);
    const listed = new Set(endpoints.map(({ id }) => id));
    workloads.sighted?.("docker", listed);
    const { leaked, suspects } = leaks.look({ attachments, listed, at, monotonic, engineSince, events: eventsBefore });
    const dead = await withoutInhabited(leaked, attachments);
    const unchanged = dead.filter((endpoint) => isAsSeen(endpoint, attachments));
    if (unchanged.length > 0) await reclaim(unchanged, signal);
    await seeSandboxes(endpoints);
    tellNames(endpoints);
    // Without the list of networks nothing is known to be too many.
    const again = desired === undefined ? undefined : await reconciler.reconcile(desired, observed, monotonic, signal);
    const reserved = attachments.some(({ runtimeEndpoint }) => runtimeEndpoint === undefined);
    const waits = [
      ...(suspects || networksMissing ? [CONFIRM_AFTER] : []),
      ...(reserved ? [RESERVATION_GRACE] : []),
      // What is in a living sandbox is kept.
      ...(leaked.length > 0 ? [STEP_RETRY] : []),
      ...(again === undefined ? [] : [again]),
    ];
    return waits.length === 0 ? undefined : Math.min(...waits);
  }

  async function reclaim(leaked: readonly string[], signal: AbortSignal): Promise<void> {
    const fresh = leaked.filter((endpoint) => !reclaimed.has(endpoint));
    if (fresh.length > 0) logger.info("attachments are gone from docker", { endpoints: fresh });
    reclaimed = new Set(leaked);
    await workloads.reclaim(leaked, "dockerd does not have them any more, seen twice", signal);
  }

  /** Dockerd takes its time to answer: a reservation that nobody wanted may have got its container since. */
  function isAsSeen(endpoint: string, seen: readonly AttachmentInfo[]): boolean {
    const before = seen.find((attachment) => attachment.endpoint === endpoint);
    const now = workloads.attachments("docker").find((attachment) => attachment.endpoint === endpoint);
    return now !== undefined && now.phase === before?.phase && now.since === before.since;
  }

  /** A dockerd that has lost its own memory lists nothing; containers that run are not to be cut off for that. */
  async function withoutInhabited(
    leaked: readonly string[],
    attachments: readonly AttachmentInfo[],
  ): Promise<readonly string[]> {
    const dead: string[] = [];
    for (const endpoint of leaked) {
      const id = attachments.find((attachment) => attachment.endpoint === endpoint)?.runtimeEndpoint;
      const sandbox = id === undefined ? undefined : records.endpoint(id)?.sandbox;
      if (sandbox === undefined || !(await sandboxes.isInhabited(sandbox))) dead.push(endpoint);
      else complaints.sayOnce(endpoint, `dockerd does not have it, but a process runs in ${sandbox}`);
    }
    return dead;
  }

  /** Notes which sandboxes are in our sight: Docker makes them after Join, and their absence means something only then. */
  async function seeSandboxes(endpoints: EngineNetwork["endpoints"]): Promise<void> {
    for (const { id } of endpoints) {
      const before = records.endpoint(id);
      if (before?.sandbox === undefined || before.sandboxSeen === true) continue;
      if (!(await sandboxes.exists(before.sandbox))) continue;
      const now = records.endpoint(id);
      if (now?.sandbox === before.sandbox) await records.putEndpoint(id, { ...now, sandboxSeen: true });
    }
  }

  /** Containers' names for records: Docker before version 29 does not tell them to drivers. */
  function tellNames(endpoints: EngineNetwork["endpoints"]): void {
    for (const id of [...named.keys()]) if (!endpoints.some((endpoint) => endpoint.id === id)) named.delete(id);
    for (const { id, container } of endpoints) {
      if (named.get(id) === container || workloads.inspect(id) === undefined) continue;
      named.set(id, container);
      workloads.containerNamed?.({ runtimeEndpoint: id, container });
    }
  }

  function isAttached(endpoint: string): boolean {
    return workloads.attachments("docker").some((attachment) => attachment.endpoint === endpoint);
  }

  /** Only the wait that was set last counts. */
  function fireAfter(milliseconds: number, signal: AbortSignal): void {
    nextLook.abort();
    nextLook = new AbortController();
    clock.wait(milliseconds, AbortSignal.any([signal, nextLook.signal])).then(trigger.fire, () => {});
  }

  return {
    async run(signal) {
      const jobs = [followEvents(signal), followNetworks(signal), work(signal)];
      const results = await Promise.allSettled(jobs);
      for (const result of results) {
        if (result.status === "rejected" && !signal.aborted) throw result.reason;
      }
    },
    isConnected: () => connected,
    lookAgain: trigger.fire,
  };
}
