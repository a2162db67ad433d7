import { createTurns } from "@holdfast/core";
import type { DifferenceKind, VerificationMessage } from "@holdfast/model";
import type { Inventories } from "../nodes/inventories.ts";
import type { Platform } from "../platform.ts";
import { notFound, requireNetwork } from "../refusals.ts";
import type { Extent } from "./extent.ts";
import { createJudge } from "./judge.ts";
import { Observations } from "./observations.ts";
import type { Repairs } from "./repairs.ts";
import { progress, Round } from "./round.ts";

/** Compares the book with itself and with the nodes, and repairs what is proven. */
export interface Verifier {
  /**
   * One look at everything in the extent. Rounds of one process go one after the other, and share what they have seen.
   *
   * @throws HoldfastError `not_found` when the extent names what is not there; the signal's reason.
   */
  round(extent: Extent, how: How): AsyncIterable<VerificationMessage>;
}

export interface How {
  /** Repair what is proven. */
  readonly fix: boolean;
  /** For records. */
  readonly actor: string;
  /** Of this process's time, that the round takes at the most, in (0, 1]. */
  readonly share: number;
  readonly signal: AbortSignal;
}

export interface VerifierDependencies {
  readonly platform: Platform;
  readonly inventories: Inventories;
  readonly repairs: Repairs;
  readonly count: (what: "found" | "repaired", kind: DifferenceKind) => void;
}

export interface VerifierOptions {
  /** Milliseconds between the two observations that prove something. */
  readonly grace: number;
}

export function createVerifier(dependencies: VerifierDependencies, options: VerifierOptions): Verifier {
  const { platform } = dependencies;
  const observations = new Observations(options.grace);
  const turns = createTurns();

  function check({ tenant, network, node }: Extent): void {
    const { state } = platform;
    if (tenant !== undefined && network !== undefined) requireNetwork(state, tenant, network);
    if (tenant !== undefined && !state.tenants.has(tenant)) throw notFound(`tenant ${tenant}`);
    if (node !== undefined && !state.nodes.has(node) && !state.endpointsOfNode.has(node))
      throw notFound(`node ${node}`);
  }

  /** Waits for the rounds before. @returns what ends the turn. @throws the signal's reason. */
  async function takeTurn(signal: AbortSignal): Promise<() => Promise<void>> {
    const over = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const ended = turns.take("round", () => {
      begun.resolve();
      return over.promise;
    });
    const giveUp = () => begun.resolve();
    signal.addEventListener("abort", giveUp, { once: true });
    await begun.promise;
    signal.removeEventListener("abort", giveUp);
    if (signal.aborted) over.resolve();
    signal.throwIfAborted();
    return () => {
      over.resolve();
      return ended;
    };
  }

  async function* round(extent: Extent, how: How): AsyncIterable<VerificationMessage> {
    yield progress("waiting", 0);
    const end = await takeTurn(how.signal);
    try {
      const judge = createJudge({ ...dependencies, observations }, { ...options, ...how, extent });
      yield* new Round({ ...dependencies, judge }, { ...how, extent }).run();
    } finally {
      await end();
    }
  }

  return {
    round(extent, how) {
      check(extent);
      return round(extent, how);
    },
  };
}
