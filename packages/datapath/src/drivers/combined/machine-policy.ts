import { HoldfastError } from "@holdfast/core";
import type { PolicyChange } from "@holdfast/policy";
import type { DatapathDriver, GuardCounter, PolicyDatapath, RuleCounter } from "../../driver.ts";
import { sumOfGuards } from "../../guard-counters.ts";

export interface MachinePolicyDependencies {
  readonly drivers: readonly DatapathDriver[];
  /** Undefined: it is attached by none. */
  readonly driverOf: (endpoint: string) => DatapathDriver | undefined;
}

/** Policies on a machine with several drivers: each is told everything, for sets and programs are of tenants and not of networks. */
export class MachinePolicy implements PolicyDatapath {
  readonly #drivers: readonly DatapathDriver[];
  readonly #driverOf: MachinePolicyDependencies["driverOf"];

  constructor({ drivers, driverOf }: MachinePolicyDependencies) {
    this.#drivers = drivers;
    this.#driverOf = driverOf;
  }

  async applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const outcomes = await Promise.allSettled(this.#paths().map((path) => path.applyPolicy(change, signal)));
    for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
    const open = change.endpoints.find(({ endpoint }) => {
      const driver = this.#driverOf(endpoint);
      return driver !== undefined && driver.policy === undefined;
    });
    if (open === undefined) return;
    throw new HoldfastError(
      "unavailable",
      `endpoint ${open.endpoint} has policy ${open.program}, which the data path of its network does not enforce`,
    );
  }

  async ruleCounters(signal: AbortSignal): Promise<readonly RuleCounter[]> {
    const counted = await Promise.all(this.#paths().map((path) => path.ruleCounters(signal)));
    return counted.flat();
  }

  async guardCounters(signal: AbortSignal): Promise<readonly GuardCounter[]> {
    const counted = await Promise.all(this.#paths().map((path) => path.guardCounters(signal)));
    return sumOfGuards(counted.flat());
  }

  #paths(): PolicyDatapath[] {
    return this.#drivers.flatMap((driver) => driver.policy ?? []);
  }
}
