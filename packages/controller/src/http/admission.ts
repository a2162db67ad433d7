import { HoldfastError, isHoldfastError } from "@holdfast/core";
import type { Route } from "@holdfast/model";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { FairQueue } from "./fair-queue.ts";

/** A request's place at work; it may be left twice. */
export interface Place {
  /** From now on its handler gives the place up, and not the end of the connection: the work goes on when the client has gone. */
  begun: boolean;
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
  /** Whether there is such a tenant: others share one line, so that made-up names cost nothing. */
  readonly isTenant: (name: string) => boolean;
}

/**
 * What stands before the requests of an operation. Undefined: nothing, for what agents send and follow, so that no tenant can keep them
 * waiting, and for streams and long polls, which wait without working.
 */
export function createAdmission(route: Route, { queue, isTenant }: AdmissionDependencies): Admit | undefined {
  if (route.stream === true || route.waits === true || isOfAgents(route)) return undefined;
  return (request, reply, done) => {
    const given = tenantOf(request);
    try {
      queue.enter(given !== undefined && isTenant(given) ? given : "", () => {
        const place = placeIn(queue);
        request.place = place;
        if (reply.raw.destroyed) {
          place.leave();
          return done(new HoldfastError("unavailable", "the client has gone while its request waited"));
        }
        reply.raw.once("close", () => {
          if (!place.begun) place.leave();
        });
        done();
      });
    } catch (error) {
      if (!isHoldfastError(error)) throw error;
      done(error);
    }
  };
}

function placeIn(queue: FairQueue): Place {
  let left = false;
  return {
    begun: false,
    leave() {
      if (left) return;
      left = true;
      queue.leave();
    },
  };
}

function isOfAgents({ tag, method, path, id }: Route): boolean {
  return tag === "node" && method !== "GET" && path.includes("{node}") && id !== "deleteNode";
}

function tenantOf(request: FastifyRequest): string | undefined {
  const { tenant } = request.params as { tenant?: string };
  return tenant ?? (request.query as { tenant?: string } | undefined)?.tenant;
}
