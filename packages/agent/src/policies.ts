import { type Clock, createNap, createTurns, errorText, HoldfastError, type Logger, timeLimit } from "@holdfast/core";
import type { DatapathDriver } from "@holdfast/datapath";
import type { Reservation } from "@holdfast/model";
import {
  type EndpointPolicy,
  type EndpointPrograms,
  isTrivial,
  type NodePolicyChange,
  type PolicyBook,
  type PolicyChange,
} from "@holdfast/policy";
import type { Book } from "./book.ts";
import { type LocalEndpoint, networkKey } from "./local-endpoint.ts";
import { createPolicyArrivals } from "./policy-arrivals.ts";
import type { PolicyRecords } from "./policy-records.ts";

/** Endpoints have their policy before their first packet, whatever becomes of the controller. */
export interface Policies {
  /** After a start, before anything is attached: the data path gets what the book has. */
  restore(signal: AbortSignal): Promise<void>;
  /** News of the controller; with `whole`, everything. */
  take(change: NodePolicyChange, whole: boolean, signal: AbortSignal): Promise<void>;
  /** The controller no longer has the endpoint on this node. What it was told of it stays while the book has it. */
  gone(endpoint: string): Promise<void>;
  /**
   * What an endpoint is to be attached with. Undefined: nothing but that tenants are kept apart, or the controller is one that tells no policies. That of
   * a new endpoint is waited for; one that was on the wire before without a policy goes on without, until it is told.
   *
   * @throws HoldfastError `unavailable` when it is not told in time: without it, the endpoint could reach what it must not.
   */
  programsFor(
    endpoint: LocalEndpoint,
    options: { readonly isNew: boolean },
    signal: AbortSignal,
  ): Promise<EndpointPrograms | undefined>;
  /** A controller has given the endpoint to this node, and said which programs decide about it; absent: it tells no policies. */
  given(endpoint: string, policy: Reservation["policy"]): void;
  /** Whether these are still the programs that the endpoint is to be attached with. */
  isCurrent(endpoint: string, programs: EndpointPrograms | undefined): boolean;
  /** Tries again what the data path has refused, until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
  /** What is not in force, in the words of the data path's status. */
  problems(): readonly {
    readonly row: string;
    readonly state: "error";
    readonly attempts: number;
    readonly error: string;
  }[];
}

export interface PoliciesDependencies {
  readonly book: Book;
  readonly driver: DatapathDriver;
  readonly policies: PolicyBook;
  readonly records: PolicyRecords;
  /** Attaches an endpoint that is on the wire again, with the programs that it has now. */
  readonly rewire: (endpoint: string, signal: AbortSignal) => Promise<void>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Milliseconds that the controller has to tell the policy of an endpoint that it has just given to this node. */
const TOLD_LIMIT = 5000;
/** Milliseconds for a change that nobody waits for. */
const APPLY_LIMIT = 20_000;
/** Milliseconds between two tries of what the data path has refused. */
const RETRY = 2000;
/** Milliseconds of rest while there is nothing to try again. */
const LONGEST_PAUSE = 3_600_000;

export function createPolicies(dependencies: PoliciesDependencies): Policies {
  const { book, driver, policies, records, rewire, clock, logger } = dependencies;
  const turns = createTurns();
  /** Endpoints that the data path has programs for that do more than keep tenants apart, or had. */
  const guarded = new Set<string>();
  /** Endpoints that were attached without programs. */
  const bare = new Set<string>();
  /** New endpoints about which nothing decides but that tenants are kept apart, until the feed tells the same or another. */
  const free = new Set<string>();
  const arrivals = createPolicyArrivals();
  let refused: { readonly error: string; attempts: number } | undefined;
  /** Until something is refused. */
  const resting = createNap(clock);

  book.whenGone((id, successor) => {
    const former = policies.policyOf(id);
    if (successor !== undefined && former !== undefined) assume(successor, former);
    for (const known of [guarded, bare, free]) known.delete(id);
    // On disk at once: nobody asks for it after a restart.
    keep(records.forget(id, undefined));
    void inTurn(() => forget(id));
  });

  /** In turn: news that waits may bring what only this endpoint had, and what the data path lets go of is found behind it. */
  async function forget(endpoint: string): Promise<void> {
    if (book.endpoints.has(endpoint)) return;
    const left = drop(endpoint);
    if (left !== undefined) await enforce(left);
  }

  /** From memory and from disk, where news that named it after it had gone have put it again. */
  function drop(endpoint: string): PolicyChange | undefined {
    const left = policies.forget(endpoint);
    keep(records.forget(endpoint, left));
    return left;
  }

  /** Whether the book has it: an endpoint, or a network that the node gives addresses of by itself. */
  function isInBook(endpoint: string): boolean {
    if (book.endpoints.has(endpoint)) return true;
    return [...book.blocks.values()].some(
      (block) => endpoint === `network/${book.networkByName(networkKey(block))?.id}`,
    );
  }

  function keep(written: Promise<void>): void {
    void written.catch((error: unknown) => logger.warn("policies not kept on disk", { error: errorText(error) }));
  }

  /** The endpoint has the programs of another one until the controller tells its own. */
  function assume({ id }: Pick<LocalEndpoint, "id">, { program, staged }: EndpointPolicy): EndpointPolicy {
    const policy = { endpoint: id, program, ...(staged === undefined ? {} : { staged }) };
    policies.assume(policy);
    keep(records.putEndpoint(policy));
    return policy;
  }

  function policyOf(endpoint: LocalEndpoint): EndpointPolicy | undefined {
    const told = policies.policyOf(endpoint.id);
    if (told !== undefined) return told;
    const alike = endpoint.made === undefined ? endpoint.replaces : `network/${endpoint.networkId}`;
    const other = alike === undefined ? undefined : policies.policyOf(alike);
    return other && assume(endpoint, other);
  }

  /** What the data path has to know of: endpoints that are here, once they have a policy that does something. */
  function concerned({ endpoints }: PolicyChange): EndpointPolicy[] {
    return endpoints.filter((policy) => {
      if (!book.endpoints.has(policy.endpoint)) return false;
      if (!doesNothing(policy)) guarded.add(policy.endpoint);
      return guarded.has(policy.endpoint);
    });
  }

  /** Undefined: nothing, or nothing beyond what the data path does by itself. */
  function programsOf(endpoint: string): EndpointPrograms | undefined {
    const policy = policies.policyOf(endpoint);
    if (policy === undefined || (doesNothing(policy) && !guarded.has(endpoint))) return undefined;
    const { program, staged } = policy;
    return { program, ...(staged === undefined ? {} : { staged }) };
  }

  /** Beyond what the data path does by itself. */
  function doesNothing({ program: id, staged }: EndpointPolicy): boolean {
    const program = policies.program(id);
    return program !== undefined && isTrivial(program) && staged === undefined;
  }

  async function enforce(change: PolicyChange, given?: AbortSignal): Promise<void> {
    const endpoints = concerned(change);
    const signal = given ?? timeLimit(clock, APPLY_LIMIT);
    try {
      if (driver.policy !== undefined) {
        await driver.policy.applyPolicy({ ...change, endpoints }, signal).finally(arrivals.arrived);
        // A data path knows of the programs of those alone that came with some.
        await Promise.all(
          endpoints.filter(({ endpoint }) => bare.has(endpoint)).map(({ endpoint }) => rewire(endpoint, signal)),
        );
      } else if (guarded.size > 0) throw unenforced(guarded);
      refused = undefined;
    } catch (error) {
      given?.throwIfAborted();
      const text = errorText(error);
      if (refused?.error !== text) logger.error("policies are not in force as they should be", { error: text });
      refused = { error: text, attempts: (refused?.attempts ?? 0) + 1 };
      resting.wake();
    }
  }

  /** What it is to be attached with is known, and in the data path. */
  function isReady(endpoint: LocalEndpoint): boolean {
    const policy = policyOf(endpoint);
    if (policy === undefined) return free.has(endpoint.id);
    const { program, staged = program } = policy;
    return !arrivals.isExpected(program) && !arrivals.isExpected(staged);
  }

  function inTurn(work: () => Promise<void>): Promise<void> {
    return turns.take("policies", work);
  }

  async function told(endpoint: LocalEndpoint, signal: AbortSignal): Promise<void> {
    const limit = timeLimit(clock, TOLD_LIMIT, signal);
    while (!isReady(endpoint)) {
      try {
        limit.throwIfAborted();
        await arrivals.next(limit);
      } catch (cause) {
        signal.throwIfAborted();
        const text = `the policy of endpoint ${endpoint.id} of ${endpoint.identity} is not in force on this node yet; it is attached when a controller has told it and the data path has it`;
        throw new HoldfastError("unavailable", text, { cause });
      }
    }
  }

  return {
    async restore(signal) {
      for (const endpoint of policies.endpoints()) if (!isInBook(endpoint)) drop(endpoint);
      if (records.told) await inTurn(() => enforce(policies.everything(), signal));
    },

    take: (change, whole, signal) =>
      inTurn(async () => {
        const news = whole ? policies.newsIn(change) : change;
        const forDatapath = policies.apply(news);
        if (driver.policy !== undefined) arrivals.expect(forDatapath.programs.map(({ id }) => id));
        for (const { endpoint } of news.endpoints) free.delete(endpoint);
        // What is enforced is on disk: a run that begins without a controller begins with it.
        await records.put(news, forDatapath);
        await enforce(forDatapath, signal);
        arrivals.tell();
        if (!whole) return;
        const named = new Set(change.endpoints.map(({ endpoint }) => endpoint));
        for (const endpoint of policies.endpoints()) if (!named.has(endpoint)) await forget(endpoint);
      }),

    gone: (endpoint) => inTurn(() => forget(endpoint)),

    async programsFor(endpoint, { isNew }, signal) {
      if (records.told && isNew && !isReady(endpoint)) await told(endpoint, signal);
      const programs = programsOf(endpoint.id);
      if (programs === undefined) bare.add(endpoint.id);
      else {
        guarded.add(endpoint.id);
        bare.delete(endpoint.id);
      }
      return programs;
    },

    isCurrent(endpoint, programs) {
      const now = programsOf(endpoint);
      return now?.program === programs?.program && now?.staged === programs?.staged;
    },

    given(endpoint, policy) {
      if (policy === undefined || policies.policyOf(endpoint) !== undefined) return;
      const { program, staged } = policy;
      if (program === undefined) free.add(endpoint);
      else if ([program, staged ?? program].every((id) => policies.program(id) !== undefined)) {
        assume({ id: endpoint }, { endpoint, program, staged });
      }
    },

    async run(signal) {
      // Without a part that enforces, trying again helps nobody.
      const canTry = () => refused !== undefined && driver.policy !== undefined;
      while (!signal.aborted) {
        if (!canTry()) await resting.sleep(LONGEST_PAUSE, signal);
        await clock.wait(RETRY, signal).catch(() => undefined);
        if (!signal.aborted && canTry()) await inTurn(() => enforce(policies.everything(), signal));
      }
    },

    problems: () =>
      refused === undefined
        ? []
        : [{ row: "policies", state: "error", attempts: refused.attempts, error: refused.error }],
  };
}

function unenforced(guarded: ReadonlySet<string>): HoldfastError {
  const [first] = guarded;
  return new HoldfastError(
    "unavailable",
    `this node's data path does not enforce policies, and ${guarded.size} endpoints have one, e.g. ${first}`,
  );
}
