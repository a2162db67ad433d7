import type { Difference, DifferenceKind, VerificationMessage } from "@holdfast/model";
import type { Platform } from "../platform.ts";
import { type Extent, isWithin, scopeOf } from "./extent.ts";
import type { Finding } from "./finding.ts";
import type { Moment, Observation, Observations } from "./observations.ts";
import type { Repairs } from "./repairs.ts";

/** Hears what one round finds: what of it is proven, and what becomes of that. */
export interface Judge {
  hear(findings: Iterable<Finding>): AsyncIterable<VerificationMessage>;
  /** The round has seen everything. Gives what it came to. */
  close(): Totals;
}

export type Totals = Omit<Extract<VerificationMessage, { kind: "end" }>, "kind" | "checked">;

export interface JudgeDependencies {
  readonly platform: Platform;
  readonly repairs: Repairs;
  readonly observations: Observations;
  readonly count: (what: "found" | "repaired", kind: DifferenceKind) => void;
}

export interface JudgeOptions {
  readonly extent: Extent;
  /** Repair what is proven. */
  readonly fix: boolean;
  /** For records. */
  readonly actor: string;
  /** Milliseconds between the two observations that prove something. */
  readonly grace: number;
}

/** Differences that are listed and remembered; a book that is damaged altogether is not verified one by one. */
const MOST_LISTED = 10_000;

/** Characters; what a history entry can hold has room for more. */
const MOST_OF_A_REASON = 700;

export function createJudge(dependencies: JudgeDependencies, { extent, fix, actor, grace }: JudgeOptions): Judge {
  const { platform, repairs, observations, count } = dependencies;
  const totals = { differences: 0, unlisted: 0, proven: 0, repaired: 0, again: 0 };
  observations.beginRound();

  /** Nothing is repaired that was not seen before, as it is now. */
  async function observe(finding: Finding): Promise<Difference> {
    const key = `${finding.kind} ${finding.object}`;
    const now: Moment = { at: platform.clock.now(), monotonic: platform.clock.monotonic() };
    const seen = observations.see(key, finding.evidence, scopeOf(finding), now);
    if (seen.count === 1) count("found", finding.kind);
    if (seen.proven) totals.proven++;
    else if (finding.repair !== undefined) totals.again = Math.ceil(grace / 1000);
    const difference = differenceOf(finding, seen);
    if (!fix || !seen.proven || finding.repair === undefined) return difference;
    const proof = `${finding.world.slice(0, MOST_OF_A_REASON)}; seen at ${seen.first.toISOString()} and at ${now.at.toISOString()}`;
    const outcome = await repairs.carryOut(finding, { actor, proof });
    if (outcome.repaired) {
      totals.repaired++;
      count("repaired", finding.kind);
    }
    // Also when it had changed: that is another observation.
    observations.forget(key);
    return { ...difference, outcome };
  }

  return {
    async *hear(findings) {
      for (const finding of findings) {
        if (!isWithin(scopeOf(finding), extent)) continue;
        totals.differences++;
        if (totals.differences > MOST_LISTED) totals.unlisted++;
        else yield { kind: "difference", difference: await observe(finding) };
      }
    },

    close() {
      observations.endRound((scope) => isWithin(scope, extent));
      return totals;
    },
  };
}

function differenceOf({ kind, object, about, book, world, remedy, repair }: Finding, seen: Observation): Difference {
  const { addresses, ...where } = about;
  return {
    ...{ kind, object, ...where, book, world, remedy },
    ...(addresses === undefined ? {} : { addresses: [...addresses] }),
    firstSeen: seen.first.toISOString(),
    observations: seen.count,
    proven: seen.proven,
    repairable: repair !== undefined,
  };
}
