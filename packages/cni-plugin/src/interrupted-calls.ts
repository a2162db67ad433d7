import { errorText } from "@holdfast/core";
import type { PluginDependencies } from "./dependencies.ts";

/**
 * Gives back what an ADD had reserved and not attached, and what a DEL had detached and not given back, when the agent ended in the middle. Both are
 * over: they run in the agent's process alone, so before it answers calls none is under way. It is no observation that could be wrong, and needs no
 * second look. The runtime may never come again: its ADD has failed, its DEL was answered with success.
 */
export async function endInterruptedCalls(
  { workloads, logger }: Pick<PluginDependencies, "workloads" | "logger">,
  signal: AbortSignal,
): Promise<void> {
  for (const { endpoint, phase } of workloads.attachments("cni")) {
    if (phase !== "reserved" && phase !== "detached") continue;
    const reason = `the agent ended in the middle of ${phase === "reserved" ? "ADD" : "DEL"}`;
    try {
      await workloads.reclaim([endpoint], reason, signal);
    } catch (error) {
      logger.warn("what an interrupted call had waits for its time", { endpoint, error: errorText(error) });
    }
  }
}
