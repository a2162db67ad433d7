import { type Clock, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { Route } from "@holdfast/model";
import type { FastifyReply, FastifyRequest } from "fastify";
import { BODY_LIMIT_BYTES } from "./errors.ts";
import type { FairQueue } from "./fair-queue.ts";

/** A request's place at work. */
export interface Place {
  /**
   * Its handler begins: from now on that gives the place up, and not the end of the connection, because the work goes on when the client has gone.
   * Undefined: it has the place; else it had to stand aside, and waits for another turn.
   *
   * @throws HoldfastError (rejects) `too_many_requests`; `unavailable` when the client has gone.
   */
  begin(): Promise<void> | undefined;
  /** Leaving twice is no error. */
  leave(): void;
}

declare module "fastify" {
  interface FastifyRequest {
    place: Place | null;
  }
}

/** Lets a request on to its body and its handler when its turn has come. */
export type Admit = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void;

export interface AdmissionDependencies {
  readonly queue: FairQueue;
  /** How many requests may be at work at once. */
  readonly atOnce: number;
  /** Whether there is such a tenant: others share one line, so that made-up names cost nothing. */
  readonly isTenant: (name: string) => boolean;
  readonly clock: Clock;
  /** Aborted when no more requests are to come. */
  readonly stopping: AbortSignal;
}

/**
 * How long a request may keep a place while others wait for one and its body does not come: its client may be dead, and so many of them would hold
 * up everybody. Those that wait at the time of one look and are still without their bodies at the next one stand aside.
 */
const PATIENCE_MILLISECONDS = 500;

/** Of bodies that are at work together, when they are large; each costs some ten times as much memory until it is answered. */
const LARGE_BODIES_BYTES = 32 * BODY_LIMIT_BYTES;

/**
 * What stands before the requests of each operation. Undefined: nothing, for what agents send and follow, so that no tenant can keep them
 * waiting, and for streams and long polls, which wait without working.
 */
export function createAdmission(dependencies: AdmissionDependencies): (route: Route) => Admit | undefined {
  const { queue, atOnce, isTenant, clock, stopping } = dependencies;
  /** Those that have a place and not their whole body. */
  const receiving = new Set<Receiver>();
  let looking = false;

  async function lookForDawdlers(): Promise<void> {
    looking = true;
    while (queue.waiting > 0 || receiving.size > 0) {
      const before = [...receiving];
      await clock.wait(PATIENCE_MILLISECONDS, stopping);
      if (!queue.isFull) break;
      for (const receiver of before) if (receiving.has(receiver)) receiver.standAside();
    }
  }

  function noteFull(): void {
    if (looking || !queue.isFull) return;
    // Stopping ends it.
    void lookForDawdlers()
      .catch(() => undefined)
      .finally(() => {
        looking = false;
      });
  }

  /** Places that a request takes: one, unless it is larger than most operations allow. */
  function weightOf({ headers, routeOptions }: FastifyRequest): number {
    const { bodyLimit } = routeOptions;
    const given = headers["content-length"];
    // What does not say how large it is may be as large as may be.
    const bytes = given === undefined && headers["transfer-encoding"] !== undefined ? bodyLimit : Number(given ?? 0);
    return bytes <= BODY_LIMIT_BYTES ? 1 : Math.ceil((Math.min(bytes, bodyLimit) * atOnce) / LARGE_BODIES_BYTES);
  }

  const admit: Admit = (request, reply, done) => {
    const given = tenantOf(request);
    const tenant = given !== undefined && isTenant(given) ? given : "";
    const weight = weightOf(request);
    const begin = (): void => {
      const receiver = receiverIn(queue, receiving, { tenant, weight, isGone: () => reply.raw.destroyed });
      request.place = receiver;
      if (reply.raw.destroyed) {
        receiver.leave();
        done(goneError());
        return;
      }
      reply.raw.once("close", receiver.leaveUnlessBegun);
      done();
    };
    try {
      queue.enter(tenant, begin, weight);
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      done(error);
    } finally {
      noteFull();
    }
  };

  return (route) => (route.stream === true || route.waits === true || isOfAgents(route) ? undefined : admit);
}

interface Receiver extends Place {
  /** Gives the place to another one, until the body is there. */
  standAside(): void;
  readonly leaveUnlessBegun: () => void;
}

function receiverIn(
  queue: FairQueue,
  receiving: Set<Receiver>,
  { tenant, weight, isGone }: { readonly tenant: string; readonly weight: number; readonly isGone: () => boolean },
): Receiver {
  let [begun, held] = [false, true];

  function leave(): void {
    receiving.delete(receiver);
    if (!held) return;
    held = false;
    queue.leave(weight);
  }

  function anotherTurn(): Promise<void> {
    return new Promise((resolve, reject) => {
      const proceed = (): void => {
        held = true;
        if (!isGone()) {
          resolve();
          return;
        }
        leave();
        reject(goneError());
      };
      queue.enter(tenant, proceed, weight);
    });
  }

  const receiver: Receiver = {
    begin() {
      receiving.delete(receiver);
      begun = true;
      return held ? undefined : anotherTurn();
    },
    leave,
    standAside: leave,
    leaveUnlessBegun() {
      if (!begun) leave();
    },
  };
  receiving.add(receiver);
  return receiver;
}

function goneError(): HoldfastError {
  return new HoldfastError("unavailable", "the client has gone while its request waited");
}

function isOfAgents({ tag, method, path, id }: Route): boolean {
  return tag === "node" && method !== "GET" && path.includes("{node}") && id !== "deleteNode";
}

function tenantOf(request: FastifyRequest): string | undefined {
  const { tenant } = request.params as { tenant?: string };
  return tenant ?? (request.query as { tenant?: string } | undefined)?.tenant;
}
