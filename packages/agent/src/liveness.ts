import type { Client } from "@holdfast/client";
import {
  type Clock,
  errorText,
  type HoldfastError,
  isHoldfastError,
  type Logger,
  type Name,
  timeLimit,
} from "@holdfast/core";
import { type NodeRecord, type NodeReport, routes } from "@holdfast/model";
import type { Reporter } from "./reporter.ts";

export interface LivenessDependencies {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly reporter: Reporter;
  /** Is told what the controller says of this node with each answer. */
  readonly heard: (record: NodeRecord) => void;
}

/** Registers the node and gives signs of life. */
export interface Liveness {
  register(signal: AbortSignal): Promise<void>;
  /** @throws HoldfastError the controller's, when it does not take this machine for the node. */
  checkAccepted(): void;
  /** Runs until the signal is aborted. */
  run(signal: AbortSignal): Promise<void>;
}

export function createLiveness(
  dependencies: LivenessDependencies,
  options: { readonly node: Name; readonly report: NodeReport; readonly beatMilliseconds: number },
): Liveness {
  const { client, clock, logger, reporter } = dependencies;
  const { node, report, beatMilliseconds } = options;
  let reached = true;
  let refusal: HoldfastError | undefined;

  async function register(signal: AbortSignal): Promise<void> {
    try {
      dependencies.heard(await client.call(routes.reportNode, { params: { node }, body: report }, { signal }));
      refusal = undefined;
    } catch (error) {
      refusal = isHoldfastError(error, "conflict") ? error : undefined;
      throw error;
    }
    if (!reached) logger.info("controller answers again");
    reached = true;
  }

  return {
    register,
    checkAccepted() {
      if (refusal !== undefined) throw refusal;
    },
    async run(signal) {
      while (!signal.aborted) {
        try {
          await register(timeLimit(clock, beatMilliseconds, signal));
          reporter.retryNow();
        } catch (error) {
          if (signal.aborted) return;
          reporter.lostContact();
          if (reached) logger.warn("controller does not answer", { error: errorText(error) });
          reached = false;
        }
        await clock.wait(beatMilliseconds, signal).catch(() => undefined);
      }
    },
  };
}
