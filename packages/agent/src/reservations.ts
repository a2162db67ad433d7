import type { Client } from "@holdfast/client";
import type { Turns } from "@holdfast/core";
import {
  Cidr,
  type Clock,
  errorText,
  HoldfastError,
  type IpAddress,
  isHoldfastError,
  type Logger,
  type Name,
  timeLimit,
} from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import { type Reservation, type ReservedAddresses, type ReserveRequest, routes, sameLabels } from "@holdfast/model";
import type { Book } from "./book.ts";
import { createGoingOn, isWanted } from "./going-on.ts";
import { callName, type LocalEndpoint, networkKey } from "./local-endpoint.ts";
import type { OwnAddresses } from "./own-addresses.ts";
import type { Policies } from "./policies.ts";
import type { Reporter } from "./reporter.ts";
import type { Takedown } from "./takedown.ts";

/** Addresses set aside for attachments to come, and given back. */
export interface Reservations {
  reserve(request: ReserveRequest, signal: AbortSignal): Promise<ReservedAddresses>;
  unreserve(request: { tenant: Name; network: Name; address: IpAddress }, signal: AbortSignal): Promise<void>;
  /** Resolves when the request for this endpoint has ended, whatever its end; at once when none is under way. */
  arrived(endpoint: string): Promise<void>;
  /** Endpoints whose requests have not ended. */
  awaited(): readonly string[];
}

export interface ReservationsDependencies {
  readonly book: Book;
  readonly client: Client;
  readonly driver: Pick<DatapathDriver, "setNetwork">;
  readonly takedown: Takedown;
  readonly reporter: Reporter;
  readonly policies: Pick<Policies, "given">;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly ownAddresses: OwnAddresses;
  /** A new endpoint id, never the same twice. */
  readonly newId: () => string;
  /** @throws HoldfastError when the controller does not take this machine for its node: its reservations would be another's. */
  readonly checkAccepted: () => void;
}

/** Milliseconds after which a controller that says nothing counts as one that does not answer, when this node can go on by itself. */
const ANSWER_LIMIT = 8000;
/** Milliseconds that the controller has to hear of an end, before the book has to do. */
const TOLD_LIMIT = 2000;

export function createReservations(dependencies: ReservationsDependencies, node: Name): Reservations {
  const {
    book,
    client,
    driver,
    takedown,
    reporter,
    turns,
    clock,
    logger,
    newId,
    ownAddresses,
    checkAccepted,
    policies,
  } = dependencies;
  const goingOn = createGoingOn(dependencies, node);

  const underWay = new Map<string, Promise<unknown>>();

  async function reserveInTurn(request: ReserveRequest, signal: AbortSignal): Promise<ReservedAddresses> {
    const waiting = waitingFor(request);
    if (waiting !== undefined) {
      // Its time to be attached begins anew.
      await book.putEndpoint({ ...waiting, grants: waiting.grants + 1, since: clock.now().getTime() });
      return answer(waiting);
    }
    const { former, owed } = await makeWay(request, signal);
    checkAccepted();
    const own = await ownAddresses.reserve(request, owed);
    if (own !== undefined) return answer(own);
    const ours = former !== undefined && isWanted(request, former) ? former : goingOn.ownFreed(request);
    try {
      return await reserveAtController(request, {
        owed,
        signal: ours === undefined ? signal : timeLimit(clock, ANSWER_LIMIT, signal),
      });
    } catch (error) {
      if (signal.aborted || !isUnanswered(error)) throw error;
      if (ours === undefined) throw ownAddresses.whyNone(request, error) ?? goingOn.unreachable(request, error);
      return answer(await goingOn.goOnWith(ours, { request, owed, cause: error }));
    }
  }

  /** An unattached reservation that this request is a repetition of. With other labels it is not: other policies decide about it. */
  function waitingFor(request: ReserveRequest): LocalEndpoint | undefined {
    const { address } = request;
    if (address !== undefined) {
      const holder = book.holderOf(networkKey(request), address);
      return holder?.phase === "reserved" && sameLabels(holder.labels, request.labels) ? holder : undefined;
    }
    for (const endpoint of book.reservedBy(networkKey(request), request.requester)) {
      const { identity, identityIsHint = false, labels } = request;
      if (!sameLabels(endpoint.labels, labels)) continue;
      if (identity === undefined || identityIsHint || identity === endpoint.identity) return endpoint;
    }
    return undefined;
  }

  /**
   * Ends what is left of a former endpoint of the address or identity. Gives it back when the controller has not been told of its end yet, and how
   * often its runtime will still give the address back, which is then not meant for the endpoint to come.
   */
  async function makeWay(
    request: ReserveRequest,
    signal: AbortSignal,
  ): Promise<{ readonly former?: LocalEndpoint | undefined; readonly owed: number }> {
    const holder = formerHolder(request);
    if (holder === undefined) return { owed: 0 };
    if (holder.phase !== "detached" && holder.phase !== "failed" && holder.phase !== "released") {
      throw new HoldfastError(
        "address_in_use",
        `${request.address ?? holder.addresses[0]} of ${holder.identity} is in use on this node (${node}) by ${callName(holder)}; stop that first`,
        { details: { identity: holder.identity, node, endpoint: holder.id } },
      );
    }
    if (holder.phase !== "released") await takedown.release(holder.id, "its address is wanted again", signal);
    // Of its own blocks' addresses this node decides: nobody has to have heard of their end.
    if (!ownAddresses.covers(request)) await flushed(holder.id, signal);
    const former = book.endpoints.get(holder.id);
    // Nobody goes on with addresses that a machine outside has.
    return {
      former: former?.conflicts === undefined ? former : undefined,
      owed: holder.phase === "released" ? 0 : holder.grants,
    };
  }

  /** Who has the address here; for an identity, its endpoint that is off the wire already: of the others, the controller knows more. */
  function formerHolder(request: ReserveRequest): LocalEndpoint | undefined {
    const key = networkKey(request);
    if (request.address !== undefined) return book.holderOf(key, request.address);
    if (request.identity === undefined) return undefined;
    for (const endpoint of book.ofIdentity(key, request.identity)) {
      const { phase } = endpoint;
      if (phase === "detached" || phase === "failed" || phase === "released") return endpoint;
    }
    return undefined;
  }

  async function reserveAtController(
    request: ReserveRequest,
    { owed, signal }: { readonly owed: number; readonly signal: AbortSignal },
  ): Promise<ReservedAddresses> {
    const {
      tenant,
      network,
      address,
      identity,
      identityIsHint = false,
      retention,
      range,
      qos,
      labels,
      runtime,
      container,
      also = [],
    } = request;
    const id = newId();
    const body = {
      endpoint: id,
      tenant,
      network,
      ...(address === undefined ? {} : { address }),
      ...(also.length === 0 ? {} : { also: [...also] }),
      ...(identity === undefined ? {} : { identity }),
      identityIsHint,
      ...(retention === undefined ? {} : { retention }),
      ...(range === undefined ? {} : { range }),
      ...(qos === undefined ? {} : { qos }),
      ...(labels === undefined ? {} : { labels }),
      workload: { runtime, ...(container === undefined ? {} : { container }) },
    };
    const answered = client.call(
      routes.reserve,
      { params: { node }, query: { policies: "true", qos: "true" }, body },
      { signal },
    );
    const kept = answered.then(async (reservation) => {
      const endpoint = { ...fromReservation(reservation, request), grants: 1 + owed };
      policies.given(endpoint.id, reservation.policy);
      await Promise.all([learnNetwork(reservation), book.putEndpoint(endpoint)]);
      return endpoint;
    });
    underWay.set(id, kept);
    try {
      return answer(await kept);
    } finally {
      underWay.delete(id);
    }
  }

  /** For an address in a network or subnet that the feed has not told of yet. Otherwise the feed knows more: answers may be late. */
  async function learnNetwork({ network, endpoint }: Reservation): Promise<void> {
    const known = book.networks.get(network.id)?.subnets ?? [];
    if (endpoint.addresses.every((address) => known.some(({ prefix }) => Cidr.contains(prefix, address)))) return;
    driver.setNetwork(network);
    await book.putNetwork(network);
  }

  function fromReservation({ endpoint, claim, network, qos }: Reservation, request: ReserveRequest): LocalEndpoint {
    return {
      id: endpoint.id,
      tenant: endpoint.tenant,
      network: endpoint.network,
      networkId: network.id,
      identity: endpoint.identity,
      ephemeral: claim.retention.kind === "ephemeral",
      epoch: endpoint.epoch,
      addresses: endpoint.addresses,
      mac: endpoint.mac,
      reservedAt: endpoint.createdAt,
      phase: "reserved",
      since: clock.now().getTime(),
      workload: endpoint.workload,
      requester: request.requester,
      grants: 1,
      ports: [],
      unreported: [],
      known: true,
      ...(claim.runtimeLabels === undefined ? {} : { labels: claim.runtimeLabels }),
      ...(qos === undefined ? {} : { qos }),
      ...(claim.probeDue === true ? { probeDue: true } : {}),
    };
  }

  function answer(endpoint: LocalEndpoint): ReservedAddresses {
    const network = book.networks.get(endpoint.networkId);
    if (network === undefined) throw new HoldfastError("not_found", `network ${networkKey(endpoint)} is gone`);
    const { id, identity, addresses, mac } = endpoint;
    return { endpoint: id, identity, addresses, mac, network };
  }

  /** Tells the controller if it answers; an outage is no reason to fail, the book remembers. */
  async function flushed(id: string, signal: AbortSignal): Promise<void> {
    try {
      await reporter.flush(id, timeLimit(clock, TOLD_LIMIT, signal));
    } catch (error) {
      signal.throwIfAborted();
      logger.debug("controller not told yet", { endpoint: id, error: errorText(error) });
    }
  }

  return {
    async arrived(endpoint) {
      await underWay.get(endpoint)?.catch(() => undefined);
    },

    awaited: () => [...underWay.keys()],

    reserve(request, signal) {
      signal.throwIfAborted();
      const scope = request.address ?? request.identity ?? request.requester;
      return turns.take(`${networkKey(request)} ${scope}`, () => {
        signal.throwIfAborted();
        return reserveInTurn(request, signal);
      });
    },

    unreserve(request, signal) {
      return turns.take(`${networkKey(request)} ${request.address}`, async () => {
        const holder = book.holderOf(networkKey(request), request.address);
        if (holder === undefined || holder.phase === "released") return;
        if (holder.grants > 1 && holder.phase !== "reserved" && holder.phase !== "detached") {
          // Somebody else asked for the address as well, and it is that request which has failed.
          await book.putEndpoint({ ...holder, grants: holder.grants - 1 });
          return;
        }
        // The controller gives a claim of which it has heard `detached` to whoever asks for it: nobody has to wait for the rest.
        const isFree = holder.phase === "detached" && holder.unreported.length === 0 && !holder.ephemeral;
        // Of its own blocks' addresses this node decides: nobody has to have heard of their end.
        const isOwn = ownAddresses.covers(request);
        await takedown.release(holder.id, "given back by its runtime", signal);
        if (isFree || isOwn) reporter.hurry(holder.id);
        else await flushed(holder.id, signal);
      });
    },
  };
}

/** No answer, or none in time. */
function isUnanswered(error: unknown): boolean {
  return isHoldfastError(error, "unavailable") || (error instanceof DOMException && error.name === "TimeoutError");
}
