import { type Clock, HoldfastError, type Logger, type Name } from "@holdfast/core";
import { isInRange, type ReserveRequest, sameLabels } from "@holdfast/model";
import type { Book } from "./book.ts";
import { type LocalEndpoint, networkKey } from "./local-endpoint.ts";
import type { Reporter } from "./reporter.ts";

/** What a node does on its own while no controller answers: it goes on with claims of its own. */
export interface GoingOn {
  /**
   * While no controller answers: an ephemeral address of ours whose release it has not heard of is still bound to this node in its book, so
   * that nobody else can have it.
   */
  ownFreed(request: ReserveRequest): LocalEndpoint | undefined;
  /**
   * The claim goes on under a new endpoint; the controller learns of both in one step. @throws HoldfastError `unavailable` when the controller may
   * have heard of the former one's end.
   */
  goOnWith(former: LocalEndpoint, occasion: Occasion): Promise<LocalEndpoint>;
  /** That there is nothing to go on with. */
  unreachable(request: ReserveRequest, cause: unknown): HoldfastError;
}

/** The request that no controller has answered. */
interface Occasion {
  readonly request: ReserveRequest;
  /** How often the runtime of the former endpoint will still give the address back. */
  readonly owed: number;
  /** How the controller failed to answer. */
  readonly cause: unknown;
}

export interface GoingOnDependencies {
  readonly book: Book;
  readonly reporter: Pick<Reporter, "notify" | "mayHaveToldEnd">;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A new endpoint id, never the same twice. */
  readonly newId: () => string;
}

/** Endpoints between one that the controller knows and the present one, made while it did not answer. */
const MOST_BETWEEN = 64;

export function createGoingOn(dependencies: GoingOnDependencies, node: Name): GoingOn {
  const { book, reporter, clock, logger, newId } = dependencies;

  function ownFreed(request: ReserveRequest): LocalEndpoint | undefined {
    if (request.address !== undefined) return undefined;
    const freed = [...book.endpoints.values()].filter((endpoint) => {
      // Of its own blocks' addresses this node decides otherwise.
      if (endpoint.made !== undefined || endpoint.conflicts !== undefined) return false;
      if (endpoint.phase !== "released" || networkKey(endpoint) !== networkKey(request)) return false;
      if (!isWanted(request, endpoint)) return false;
      return request.identity === undefined ? endpoint.ephemeral : endpoint.identity === request.identity;
    });
    return freed.sort((a, b) => a.since - b.since)[0];
  }

  /**
   * Whether the controller cannot have heard that the endpoint is off the wire: from then on it may give the claim to others without having heard
   * of this node.
   */
  function isSurelyOurs(former: LocalEndpoint): boolean {
    if (former.made !== undefined || reporter.mayHaveToldEnd(former.id)) return false;
    const untold = former.unreported.map(({ phase }) => phase);
    const wasAttached = former.workload.endpoint !== undefined;
    return untold.includes("detached") || (!wasAttached && untold.includes("released"));
  }

  async function goOnWith(chosen: LocalEndpoint, { request, owed, cause }: Occasion): Promise<LocalEndpoint> {
    // While no answer came, somebody else may have gone on with it, or the controller may have been told of its end.
    const former = book.endpoints.get(chosen.id) ?? ownFreed(request);
    if (former === undefined) throw unreachable(request, cause);
    if (!isSurelyOurs(former)) throw doubtful(request, former, cause);
    const { runtime, container, requester } = request;
    const replaces = former.known ? former.id : former.replaces;
    // The controller may have heard of it and its answer was lost.
    const between = former.known ? [] : [...(former.replacesAlso ?? []), former.id].slice(-MOST_BETWEEN);
    const now = clock.now();
    const endpoint: LocalEndpoint = {
      ...former,
      id: newId(),
      phase: "reserved",
      since: now.getTime(),
      workload: { runtime, ...(container === undefined ? {} : { container }) },
      requester,
      grants: 1 + owed,
      ports: [],
      unreported: [
        { phase: "reserved", at: now.toISOString(), actor: `node/${node}`, reason: "no controller answered" },
      ],
      known: false,
      ...(replaces === undefined ? {} : { replaces }),
      replacesAlso: between,
    };
    logger.info("claim goes on without a controller", { endpoint: endpoint.id, identity: endpoint.identity });
    await book.replaceEndpoint(former.id, endpoint);
    reporter.notify(endpoint.id);
    return endpoint;
  }

  function unreachable(request: ReserveRequest, cause: unknown): HoldfastError {
    const what = request.address ?? request.identity ?? "an address";
    return new HoldfastError(
      "unavailable",
      `no controller answers, and ${what} of ${networkKey(request)} is not bound to this node (${node}); ` +
        `only claims that are bound here can start without one${request.labels === undefined ? "" : ", with the labels that they had"}`,
      { cause },
    );
  }

  function doubtful(request: ReserveRequest, former: LocalEndpoint, cause: unknown): HoldfastError {
    const what = request.address ?? request.identity ?? former.addresses[0];
    return new HoldfastError(
      "unavailable",
      `no controller answers, and it may have heard that ${what} of ${networkKey(request)} is not in use on this node (${node}) any more and ` +
        "given it to another; try again when it answers",
      { cause },
    );
  }

  return { ownFreed, goOnWith, unreachable };
}

/** Whether it has the labels that its runtime says now, because its policies go on with it; and one of its addresses is in the range that is asked for, if one is. */
export function isWanted(request: ReserveRequest, { addresses, labels }: LocalEndpoint): boolean {
  const { range } = request;
  if (!sameLabels(labels, request.labels)) return false;
  return range === undefined || addresses.some((address) => isInRange(range, address));
}
