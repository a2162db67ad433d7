import type { Reached, Turns } from "@holdfast/core";
import { type Clock, errorText, HoldfastError, type Logger, type Name, timeLimit } from "@holdfast/core";
import type { AttachedPort, DatapathDriver, EndpointWiring } from "@holdfast/datapath";
import { type AttachedInterface, type AttachRequest, sameLabels, type WiredNetwork } from "@holdfast/model";
import type { Book } from "./book.ts";
import type { EndpointChanges } from "./endpoint-changes.ts";
import type { FirstUse } from "./first-use.ts";
import { callName, type LocalEndpoint, networkKey } from "./local-endpoint.ts";
import type { Policies } from "./policies.ts";
import { refuseTakenPorts } from "./published-ports.ts";
import type { Reporter } from "./reporter.ts";
import type { Reservations } from "./reservations.ts";
import type { Takedown } from "./takedown.ts";
import { interfaceOf, wiringOf } from "./wiring.ts";

/** Reserved endpoints get an interface, and lose it. */
export interface Attachments {
  attach(request: AttachRequest, signal: AbortSignal): Promise<AttachedInterface>;
  joined(request: { runtimeEndpoint: string; sandbox: string }, signal: AbortSignal): Promise<void>;
  detach(request: { runtimeEndpoint: string }, signal: AbortSignal): Promise<void>;
  containerNamed(request: { runtimeEndpoint: string; container: string }): void;
  reclaim(endpoints: readonly string[], reason: string, signal: AbortSignal): Promise<void>;
  /** Wires an endpoint that is on the wire again: what decides about its packets is another thing now. */
  rewire(endpoint: string, signal: AbortSignal): Promise<void>;
  /** After a start: wires again what the book says is on the wire. Nothing changes for what is right. */
  restore(signal: AbortSignal): Promise<void>;
}

export interface AttachmentsDependencies {
  readonly book: Book;
  readonly driver: DatapathDriver;
  readonly changes: EndpointChanges;
  readonly takedown: Takedown;
  readonly firstUse: FirstUse;
  readonly reservations: Reservations;
  readonly reporter: Reporter;
  readonly policies: Pick<Policies, "programsFor" | "isCurrent">;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reached?: Reached | undefined;
}

/** Milliseconds for taking back what was wired for nothing. */
const UNDO_LIMIT = 10_000;

export function createAttachments(dependencies: AttachmentsDependencies, node: Name): Attachments {
  const { book, driver, changes, takedown, firstUse, reservations, reporter, policies, turns, clock, logger, reached } =
    dependencies;

  async function attachInTurn(request: AttachRequest, signal: AbortSignal): Promise<AttachedInterface> {
    signal.throwIfAborted();
    const known = book.byRuntime(request.runtimeEndpoint);
    // A runtime may use the id of an attachment again whose end the controller has not heard of yet.
    const isOver = known?.phase === "released" || (known?.phase === "detached" && request.rejoin === true);
    const endpoint = known === undefined || isOver ? await reservedFor(request, signal) : known;
    checkRequest(endpoint, isOver && known.ephemeral ? withoutIdentity(request, known) : request);
    const network = networkOf(endpoint);
    const remark = await firstUse.check(endpoint, network, signal);
    const { binding, kept } = startBinding(endpoint.id, request, remark);
    reached?.("agent.attach-noted");
    const wired = wire(binding, { isNew: true, ...sandboxOf(request) }, signal);
    try {
      // On disk before it is answered: what the book does not have is pruned after a restart.
      const [port] = await Promise.all([wired, kept]);
      await checkKept(endpoint);
      if (book.endpoints.get(endpoint.id)?.phase === "binding") changes.pass(endpoint.id, "wired");
      reached?.("agent.attach-wired");
      return interfaceOf(binding, port, network);
    } catch (error) {
      await wired.catch(() => undefined);
      await checkKept(endpoint);
      // A repetition that fails says nothing about what was wired before.
      if (book.endpoints.get(endpoint.id)?.phase === "binding") {
        await changes.step(endpoint.id, "failed", { reason: errorText(error) });
      }
      throw error;
    }
  }

  /** Its policy first: without it, the first packet could go where it must not. */
  async function wire(
    endpoint: LocalEndpoint,
    { isNew, ...sandbox }: Pick<EndpointWiring, "sandbox"> & { readonly isNew: boolean },
    signal: AbortSignal,
  ): Promise<AttachedPort> {
    for (;;) {
      const programs = await policies.programsFor(endpoint, { isNew }, signal);
      const policy = programs === undefined ? {} : { policy: programs };
      // What changes meanwhile the data path was told of before it knew the endpoint, and may have let go of.
      const isOutdated = () => !policies.isCurrent(endpoint.id, programs);
      try {
        const port = await driver.attach({ ...wiringOf(endpoint), ...sandbox, ...policy }, signal);
        if (!isOutdated()) return port;
      } catch (error) {
        if (!isOutdated()) throw error;
      }
    }
  }

  /** What was lost or taken down while it was being wired must not stay on the wire: nobody would know of it. */
  async function checkKept({ id, identity }: LocalEndpoint): Promise<void> {
    if (takedown.mayBeUp(id)) return;
    await driver.detach(id, timeLimit(clock, UNDO_LIMIT));
    throw new HoldfastError("conflict", `endpoint ${id} of ${identity} was taken down while it was attached`);
  }

  async function reservedFor(request: AttachRequest, signal: AbortSignal): Promise<LocalEndpoint> {
    const [address] = request.addresses;
    if (address === undefined) {
      throw new HoldfastError("invalid_argument", `endpoint ${request.runtimeEndpoint} comes without an address`);
    }
    const holder = book.holderOf(networkKey(request), address);
    const { tenant, network, runtime, labels } = request;
    if (holder?.phase === "reserved") {
      if (sameLabels(holder.labels, labels)) return holder;
      throw new HoldfastError(
        "conflict",
        `${address} of ${holder.identity} was reserved with other labels on this node (${node}); reserve it again with these`,
      );
    }
    const said = labels === undefined ? {} : { labels };
    const wanted = { tenant, network, runtime, requester: request.runtimeEndpoint, address, ...said };
    const { endpoint } = await reservations.reserve(wanted, signal);
    const found = book.endpoints.get(endpoint);
    if (found === undefined)
      throw new HoldfastError("not_found", `the reservation of ${address} has just ended; try again`);
    return found;
  }

  function checkRequest(endpoint: LocalEndpoint, request: AttachRequest): void {
    const { identity, addresses, mac } = endpoint;
    const foreign = request.addresses.find((address) => !addresses.includes(address));
    if (foreign !== undefined) {
      throw new HoldfastError(
        "invalid_argument",
        `${foreign} does not belong to ${identity}, which has ${addresses.join(" and ")}`,
      );
    }
    if (request.identity !== undefined && request.identity !== identity) {
      throw new HoldfastError(
        "invalid_argument",
        `${addresses[0]} belongs to ${identity}, not to ${request.identity}`,
        {
          details: { field: "holdfast.identity" },
        },
      );
    }
    if (request.mac !== undefined && request.mac !== mac) {
      throw new HoldfastError(
        "invalid_argument",
        `the MAC of ${addresses[0]} is ${mac}; ${request.mac} cannot be given to it`,
      );
    }
  }

  /** @throws HoldfastError `conflict` when the endpoint is not reserved any more, or has never been. */
  function startBinding(
    id: string,
    request: AttachRequest,
    remark: string | undefined,
  ): { readonly binding: LocalEndpoint; readonly kept: Promise<unknown> } {
    const endpoint = book.endpoints.get(id);
    if (endpoint === undefined || takedown.isLost(id)) {
      throw new HoldfastError("conflict", `this node (${node}) has just lost endpoint ${id} to another; try again`);
    }
    if (takedown.mayBeUp(id)) return { binding: endpoint, kept: Promise.resolve() };
    if (endpoint.phase !== "reserved") {
      throw new HoldfastError(
        "conflict",
        `endpoint ${id} of ${endpoint.identity} is ${endpoint.phase} and cannot be attached`,
      );
    }
    const { runtime, runtimeEndpoint, container = endpoint.workload.container, ports = [], sandbox, qos } = request;
    // In one stretch with the step: of two that want one port at once, the second is refused.
    refuseTakenPorts(book.endpoints.values(), { id, node, ports });
    const workload = { runtime, endpoint: runtimeEndpoint, ...(container === undefined ? {} : { container }) };
    const kept = changes.step(endpoint.id, "binding", {
      ...(remark === undefined ? {} : { reason: remark }),
      fields: {
        workload,
        ports: [...ports],
        probeDue: false,
        ...(sandbox === undefined ? {} : { sandbox }),
        runtimeQos: qos,
      },
    });
    return { binding: book.endpoints.get(endpoint.id) ?? endpoint, kept };
  }

  /** For people and records only: nobody waits for the disk. */
  function keep(endpoint: LocalEndpoint): void {
    void book.putEndpoint(endpoint).catch((error: unknown) => {
      logger.warn("endpoint's record not kept", { endpoint: endpoint.id, error: errorText(error) });
    });
  }

  function networkOf(endpoint: LocalEndpoint): WiredNetwork {
    const network = book.networks.get(endpoint.networkId);
    if (network === undefined) throw new HoldfastError("not_found", `network ${networkKey(endpoint)} is gone`);
    return network;
  }

  async function restoreOne(endpoint: LocalEndpoint, signal: AbortSignal): Promise<void> {
    try {
      if (endpoint.phase === "detaching") await takedown.detach(endpoint.id, "agent restarted", signal);
      if (!takedown.mayBeUp(endpoint.id)) return;
      // First, for its interface may come up at once.
      if (endpoint.phase === "binding") changes.pass(endpoint.id, "wired", { reason: "agent restarted" });
      await wire(endpoint, { isNew: false }, signal);
    } catch (error) {
      signal.throwIfAborted();
      logger.error("endpoint could not be restored", { endpoint: endpoint.id, error: errorText(error) });
    }
  }

  return {
    attach(request, signal) {
      signal.throwIfAborted();
      return turns.take(`attach ${request.runtimeEndpoint}`, () => attachInTurn(request, signal));
    },

    async rewire(id, signal) {
      const { workload } = book.endpoints.get(id) ?? {};
      if (workload === undefined) return;
      await turns.take(`attach ${workload.endpoint}`, async () => {
        const endpoint = book.endpoints.get(id);
        if (endpoint !== undefined && takedown.mayBeUp(id)) await wire(endpoint, { isNew: false }, signal);
      });
    },

    async joined({ runtimeEndpoint, sandbox }, signal) {
      signal.throwIfAborted();
      const endpoint = book.byRuntime(runtimeEndpoint);
      if (endpoint === undefined) {
        throw new HoldfastError("not_found", `no endpoint ${runtimeEndpoint} is attached on this node (${node})`);
      }
      if (endpoint.sandbox === sandbox) return;
      keep({ ...endpoint, sandbox });
    },

    containerNamed({ runtimeEndpoint, container }) {
      const endpoint = book.byRuntime(runtimeEndpoint);
      if (endpoint === undefined || endpoint.workload.container === container) return;
      keep({ ...endpoint, workload: { ...endpoint.workload, container } });
      reporter.notify(endpoint.id);
    },

    detach({ runtimeEndpoint }, signal) {
      return turns.take(`attach ${runtimeEndpoint}`, async () => {
        const endpoint = book.byRuntime(runtimeEndpoint);
        if (endpoint === undefined) return;
        await takedown.detach(endpoint.id, "detached by its runtime", signal);
        // Another node may be about to ask for the address: from now on it may have it.
        reporter.hurry(endpoint.id);
      });
    },

    async reclaim(endpoints, reason, signal) {
      const vouchedFor = endpoints.flatMap((id) => book.endpoints.get(id) ?? []);
      for (const { id, phase, since } of vouchedFor) {
        const endpoint = book.endpoints.get(id);
        // What has gone on since then is not what the observer has seen.
        if (endpoint === undefined || endpoint.phase !== phase || endpoint.since !== since) continue;
        if (phase === "released") continue;
        logger.warn("endpoint reclaimed", {
          endpoint: id,
          identity: endpoint.identity,
          was: callName(endpoint),
          reason,
        });
        await takedown.release(id, reason, signal);
      }
    },

    async restore(signal) {
      await Promise.all([...book.endpoints.values()].map((endpoint) => restoreOne(endpoint, signal)));
    },
  };
}

function sandboxOf({ sandbox: path, ifName: interfaceName }: AttachRequest): Pick<EndpointWiring, "sandbox"> {
  return path === undefined || interfaceName === undefined ? {} : { sandbox: { path, interfaceName } };
}

/** The name of an ephemeral endpoint is its own: who joins again under it gets the address under another. */
function withoutIdentity(request: AttachRequest, former: LocalEndpoint): AttachRequest {
  const { identity, ...rest } = request;
  return identity === former.identity ? rest : request;
}
