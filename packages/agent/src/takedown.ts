import { errorText, type Logger, type Reached } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import type { Phase } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { EndpointChanges } from "./endpoint-changes.ts";
import type { LocalEndpoint } from "./local-endpoint.ts";
import type { LeftOver } from "./takedown-retry.ts";

/** Takes endpoints off the wire and gives their addresses back, from whatever phase they are in. */
export interface Takedown {
  /** To `detached`: no frame enters or leaves any more. An endpoint that never was on the wire stays as it is. */
  detach(id: string, reason: string, signal: AbortSignal): Promise<void>;
  /** To `released`, through `detached` when needed. */
  release(id: string, reason: string, signal: AbortSignal): Promise<void>;
  /** The node has lost the endpoint to another: off the wire and out of the book, also when the book has never had it. */
  forget(id: string, reason: string, signal: AbortSignal): Promise<void>;
  /** Whether the endpoint may be on the wire: it is in the book, and nobody takes it down. */
  mayBeUp(id: string): boolean;
  /** Whether the endpoint is being forgotten. */
  isLost(id: string): boolean;
}

export interface TakedownDependencies {
  readonly book: Book;
  readonly changes: EndpointChanges;
  readonly driver: DatapathDriver;
  readonly logger: Logger;
  readonly reached?: Reached | undefined;
  /** An endpoint that this node has lost is off the wire. */
  readonly lost: (endpoint: LocalEndpoint) => void;
  /** An endpoint stays `detaching`, because this call was broken off: somebody has to finish it. */
  readonly left: (id: string, rest: LeftOver) => void;
}

export function createTakedown(dependencies: TakedownDependencies): Takedown {
  const { book, changes, driver, logger, reached } = dependencies;
  /** Endpoints that are being forgotten: still in the book, and not to be attached any more. */
  const lost = new Set<string>();

  async function detach(id: string, rest: LeftOver, signal: AbortSignal): Promise<void> {
    const { reason } = rest;
    const phase = book.endpoints.get(id)?.phase;
    if (phase === undefined || isOff(phase)) return;
    if (phase !== "detaching") changes.pass(id, "detaching", { reason });
    reached?.("agent.detach-noted");
    try {
      await driver.detach(id, signal);
      reached?.("agent.detach-stopped");
    } catch (error) {
      if (book.endpoints.get(id)?.phase === "detaching") dependencies.left(id, rest);
      throw error;
    }
    // Another caller may have come further in the meantime.
    if (book.endpoints.get(id)?.phase === "detaching") await changes.step(id, "detached");
  }

  /**
   * Another node has its addresses by now, and no runtime waits: what a switch remembers of it has to end, too. Of one that was given back the switch remembers nothing
   * by now; and the controller says of each of those that it is gone, while other news wait behind that.
   */
  async function takeOff({ id, phase }: Pick<LocalEndpoint, "id" | "phase">, signal: AbortSignal): Promise<void> {
    await driver.detach(id, signal);
    if (!isOff(phase)) await driver.quiet?.(signal);
  }

  return {
    detach: (id, reason, signal) => detach(id, { upTo: "detached", reason }, signal),
    async release(id, reason, signal) {
      const before = book.endpoints.get(id)?.phase;
      // In one step with the look at the phase: else it could be attached in between.
      if (before !== "reserved" && before !== "detached") await detach(id, { upTo: "released", reason }, signal);
      const phase = book.endpoints.get(id)?.phase;
      if (phase === undefined || phase === "released") return;
      await changes.step(id, "released", { reason });
    },
    async forget(id, reason, signal) {
      const endpoint = book.endpoints.get(id);
      if (endpoint === undefined) return await driver.detach(id, signal);
      logger.warn("endpoint lost by this node", { endpoint: id, identity: endpoint.identity, reason });
      lost.add(id);
      try {
        await takeOff(endpoint, signal);
        await book.deleteEndpoint(id);
        dependencies.lost(endpoint);
      } catch (error) {
        logger.error("lost endpoint could not be taken off the wire", { endpoint: id, error: errorText(error) });
        throw error;
      } finally {
        lost.delete(id);
      }
    },
    isLost: (id) => lost.has(id),
    mayBeUp(id) {
      const phase = book.endpoints.get(id)?.phase;
      return !lost.has(id) && (phase === "binding" || phase === "wired" || phase === "active");
    },
  };
}

function isOff(phase: Phase): boolean {
  return phase === "reserved" || phase === "detached" || phase === "released";
}
