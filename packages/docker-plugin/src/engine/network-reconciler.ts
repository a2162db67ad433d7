import { errorText, isHoldfastError, type Logger } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { Complaints } from "./complaints.ts";
import type { Engine, EngineNetwork } from "./engine.ts";
import { CONFIRM_AFTER } from "./leak-finder.ts";
import { type NetworkStep, planNetworks } from "./network-plan.ts";

/** Makes the docker networks as the Holdfast networks say. */
export interface NetworkReconciler {
  /** Gives the milliseconds after which to try again. */
  reconcile(
    desired: readonly WiredNetwork[],
    observed: readonly EngineNetwork[],
    monotonic: number,
    signal: AbortSignal,
  ): Promise<number | undefined>;
}

/** Milliseconds after which a step that failed is tried again when nothing happens. */
export const STEP_RETRY = 10_000;

export function createNetworkReconciler({
  engine,
  complaints,
  logger,
  isAttached,
}: {
  readonly engine: Engine;
  readonly complaints: Complaints;
  readonly logger: Logger;
  /** Whether it is the id of an endpoint that is attached. */
  readonly isAttached: (endpoint: string) => boolean;
}): NetworkReconciler {
  /** Since when a docker network of ours has been too many, by its id. */
  let unwantedSince = new Map<string, number>();

  async function reconcile(
    desired: readonly WiredNetwork[],
    observed: readonly EngineNetwork[],
    monotonic: number,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const steps = planNetworks(desired, observed, await engine.apiVersion(signal));
    const names = new Set(steps.map(nameOf));
    complaints.keep((about) => names.has(about) || isAttached(about));
    const due = steps.filter((step) => step.kind !== "remove" || isLongUnwanted(step.id, monotonic));
    const removals = new Set(steps.flatMap((step) => (step.kind === "remove" ? [step.id] : [])));
    unwantedSince = new Map([...unwantedSince].filter(([id]) => removals.has(id)));
    let failed = false;
    for (const step of due) failed = !(await take(step, signal)) || failed;
    if (due.length < steps.length) return CONFIRM_AFTER;
    return failed ? STEP_RETRY : undefined;
  }

  /** A list of networks that is short for a moment, because its source has just started, must not cost a docker network. */
  function isLongUnwanted(networkId: string, monotonic: number): boolean {
    const since = unwantedSince.get(networkId) ?? monotonic;
    unwantedSince.set(networkId, since);
    return monotonic - since >= CONFIRM_AFTER;
  }

  async function take(step: NetworkStep, signal: AbortSignal): Promise<boolean> {
    const name = nameOf(step);
    try {
      const waitsFor = await takeStep(step, signal);
      if (waitsFor !== undefined) complaints.sayOnce(name, waitsFor);
      else complaints.forget(name);
      return true;
    } catch (error) {
      signal.throwIfAborted();
      // In use since it was listed: the event that ends the use brings us back.
      if (!isHoldfastError(error, "in_use")) complaints.sayOnce(name, errorText(error));
      return isHoldfastError(error, "in_use");
    }
  }

  /** Gives what the step waits for. */
  async function takeStep(step: NetworkStep, signal: AbortSignal): Promise<string | undefined> {
    switch (step.kind) {
      case "create":
        await engine.createNetwork(step.network, signal);
        logger.info("made a docker network", { network: step.network.name });
        return undefined;
      case "replace": {
        const users = await engine.containersByNetworkId(step.id, signal);
        if (users.length > 0)
          return `its subnets have changed, but ${users.join(", ")} name it by its id; remove these containers`;
        await engine.removeNetwork(step.id, signal);
        await engine.createNetwork(step.network, signal);
        logger.info("made a docker network anew", { network: step.network.name });
        return undefined;
      }
      case "remove":
        await engine.removeNetwork(step.id, signal);
        logger.info("removed a docker network", { network: step.name });
        return undefined;
      case "wait":
        return step.reason;
    }
  }

  return { reconcile };
}

function nameOf(step: NetworkStep): string {
  switch (step.kind) {
    case "create":
    case "replace":
      return step.network.name;
    case "remove":
    case "wait":
      return step.name;
  }
}
