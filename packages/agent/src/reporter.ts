import type { Client } from "@holdfast/client";
import {
  backoff,
  type Clock,
  createNap,
  errorText,
  HoldfastError,
  isHoldfastError,
  type Logger,
  type Name,
  timeLimit,
} from "@holdfast/core";
import { type EndpointReport, type ReportResults, routes } from "@holdfast/model";
import type { Book } from "./book.ts";
import { farewellOf, reportOf, tellsEnd } from "./endpoint-report.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import { createReportAnswers } from "./report-answers.ts";
import type { Takedown } from "./takedown.ts";

/**
 * Tells the controller what became of the endpoints: everything that is noted as unreported, in order per endpoint, as soon as it is
 * there, as many endpoints in one request as wait. What cannot be told now is told later.
 */
export interface Reporter {
  /** There is something new to tell of this endpoint. */
  notify(id: string): void;
  /**
   * Resolves when all that is noted of the endpoint up to now has been told. @throws HoldfastError `unavailable` as soon as one try fails: it
   * will be told later all the same.
   */
  flush(id: string, signal: AbortSignal): Promise<void>;
  /** Like {@link flush}, but nobody waits: somebody elsewhere may. Nothing happens when there is nothing to tell. */
  hurry(id: string): void;
  /** The controller answers again: try at once. */
  retryNow(): void;
  /** The controller does not answer: before anything else is told, it is asked whether it is there. */
  lostContact(): void;
  /** The endpoint was lost to another, is off the wire and out of the book. */
  lost(endpoint: LocalEndpoint): void;
  /** Whether the controller may have been told that the endpoint is off the wire, with its answer lost. */
  mayHaveToldEnd(id: string): boolean;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export interface ReporterDependencies {
  readonly book: Book;
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A number in [0, 1): spreads the tries of many nodes. */
  readonly random: () => number;
  /** Later than construction: takedown needs the reporter's notify. */
  readonly takedown: () => Takedown;
}

interface Waiter {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

const MOST_IN_ONE_REQUEST = 500;
/** Milliseconds that a controller has for its answer. */
const ANSWER_LIMIT = 10_000;
/** Milliseconds that news may wait for more of the kind: the steps of a container's start and end go as one, unless somebody waits for them. */
const GATHER_TIME = 50;

export function createReporter(dependencies: ReporterDependencies, node: Name): Reporter {
  const { book, client, clock, logger, random, takedown } = dependencies;
  const dirty = new Set<string>();
  const waiters = new Map<string, Waiter[]>();
  /** Endpoints whose end was sent, and nobody knows whether it arrived. */
  const perhapsEnded = new Set<string>();
  /** Last words on endpoints that this node has lost, so that the controller need not remember them for it. */
  const farewells = new Map<string, EndpointReport>();
  const answers = createReportAnswers({ book, logger, takedown, tellMore: (id) => dirty.add(id) });
  let inContact = false;
  /** Ends the wait for news, or for another try. */
  let wake = (): void => undefined;
  /** Until there is more news. */
  const gathering = createNap(clock);
  /** Until another try. */
  const pausing = createNap(clock);
  /** Somebody asked for haste since the last round. */
  let hurried = false;

  function settle(id: string, outcome: (waiter: Waiter) => void): void {
    const list = waiters.get(id) ?? [];
    waiters.delete(id);
    for (const waiter of list) outcome(waiter);
  }

  async function tell(ids: readonly string[], signal: AbortSignal): Promise<void> {
    if (!inContact) await call([], signal);
    inContact = true;
    const endpoints = ids.flatMap((id) => book.endpoints.get(id) ?? []);
    const gone = ids.flatMap((id) => farewells.get(id) ?? []);
    for (const id of ids) if (!book.endpoints.has(id)) settle(id, (waiter) => waiter.resolve());
    if (endpoints.length + gone.length === 0) return;
    // Else an agent that dies now would, when it starts again, put on the wire what the controller may give to others.
    await book.kept();
    const results = await send(endpoints, gone, signal);
    for (const { endpoint } of gone) farewells.delete(endpoint);
    const told = new Map(endpoints.map((endpoint) => [endpoint.id, endpoint]));
    const failures: unknown[] = [];
    const hear = async (result: ReportResults["results"][number]): Promise<void> => {
      const sent = told.get(result.endpoint);
      if (sent === undefined) return;
      try {
        await accept(sent, result, signal);
      } catch (error) {
        // The others' news has been heard all the same.
        dirty.add(sent.id);
        settle(sent.id, (waiter) => waiter.reject(error));
        failures.push(error);
      }
    };
    // At once: what they change in the book is one write.
    await Promise.all(results.map(hear));
    if (failures.length > 0) throw new AcceptError(failures[0]);
  }

  async function call(reports: EndpointReport[], signal: AbortSignal): Promise<ReportResults["results"]> {
    const limit = timeLimit(clock, ANSWER_LIMIT, signal);
    try {
      return (await client.call(routes.report, { params: { node }, body: { reports } }, { signal: limit })).results;
    } catch (error) {
      // What the controller may have heard without anybody knowing is kept small: next time it is first asked whether it is there.
      inContact = false;
      throw error;
    }
  }

  /** Notes whose end the controller may have heard of, until it is known. */
  async function send(
    endpoints: readonly LocalEndpoint[],
    gone: readonly EndpointReport[],
    signal: AbortSignal,
  ): Promise<ReportResults["results"]> {
    const ends = endpoints.filter((endpoint) => tellsEnd(endpoint) && !perhapsEnded.has(endpoint.id));
    for (const { id } of ends) perhapsEnded.add(id);
    try {
      return await call([...endpoints.map(reportOf), ...gone], signal);
    } catch (error) {
      if (isHoldfastError(error) && error.details.sent === false) for (const { id } of ends) perhapsEnded.delete(id);
      throw error;
    }
  }

  async function accept(
    sent: LocalEndpoint,
    result: ReportResults["results"][number],
    signal: AbortSignal,
  ): Promise<void> {
    await answers.follow(sent, result, signal);
    perhapsEnded.delete(sent.id);
    // Who waits, waits for what came in the meantime as well.
    if (!dirty.has(sent.id)) settle(sent.id, (waiter) => waiter.resolve());
  }

  async function round(signal: AbortSignal): Promise<void> {
    const ids = [...dirty].slice(0, MOST_IN_ONE_REQUEST);
    for (const id of ids) dirty.delete(id);
    try {
      await tell(ids, signal);
    } catch (error) {
      if (error instanceof AcceptError) throw error.cause;
      for (const id of ids) dirty.add(id);
      for (const id of ids) settle(id, (waiter) => waiter.reject(error));
      throw error;
    }
  }

  async function pause(attempt: number, signal: AbortSignal): Promise<void> {
    wake = pausing.wake;
    await pausing.sleep(backoff(attempt, { random }), signal);
  }

  async function untilDirty(signal: AbortSignal): Promise<void> {
    if (dirty.size > 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      wake = resolve;
      signal.addEventListener("abort", wake, { once: true });
    });
    signal.removeEventListener("abort", wake);
  }

  /** Nobody gathers while somebody waits. */
  async function gather(signal: AbortSignal): Promise<void> {
    if (waiters.size === 0 && !hurried) await gathering.sleep(GATHER_TIME, signal);
    hurried = false;
  }

  return {
    notify(id) {
      dirty.add(id);
      wake();
    },
    async flush(id, signal) {
      signal.throwIfAborted();
      if (!book.endpoints.has(id)) return;
      await new Promise<void>((resolve, reject) => {
        waiters.set(id, [...(waiters.get(id) ?? []), { resolve, reject }]);
        signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        dirty.add(id);
        wake();
        gathering.wake();
      });
    },
    hurry(id) {
      if (!dirty.has(id)) return;
      hurried = true;
      gathering.wake();
    },
    retryNow() {
      wake();
    },
    lostContact() {
      inContact = false;
    },
    lost(endpoint) {
      const { id } = endpoint;
      farewells.set(id, farewellOf(endpoint, { at: clock.now(), node }));
      dirty.add(id);
      wake();
    },
    mayHaveToldEnd: (id) => perhapsEnded.has(id),
    async run(signal) {
      for (const endpoint of book.endpoints.values()) {
        if (endpoint.unreported.length === 0) continue;
        dirty.add(endpoint.id);
        // An earlier run may have sent it.
        if (tellsEnd(endpoint)) perhapsEnded.add(endpoint.id);
      }
      let attempt = 0;
      while (!signal.aborted) {
        await untilDirty(signal);
        await gather(signal);
        if (signal.aborted) break;
        try {
          await round(signal);
          attempt = 0;
        } catch (error) {
          if (signal.aborted) break;
          logFailure(error);
          await pause(attempt++, signal);
        }
      }
      const stopped = new HoldfastError("unavailable", "the agent is stopping");
      for (const id of [...waiters.keys()]) settle(id, (waiter) => waiter.reject(stopped));
    },
  };

  function logFailure(error: unknown): void {
    const level = isHoldfastError(error, "unavailable") ? "debug" : "warn";
    logger[level]("report not delivered, will be repeated", { error: errorText(error) });
  }
}

/** The controller has answered, and what it said could not be followed for some endpoints. */
class AcceptError extends Error {
  constructor(cause: unknown) {
    super("answers of the controller could not be followed", { cause });
  }
}
