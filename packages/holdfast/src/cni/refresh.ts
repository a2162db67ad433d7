import { carryOut, planRefresh, readPlugin } from "@holdfast/cni-plugin/install";
import { errorText, type Logger } from "@holdfast/core";
import { BUILT_PLUGIN } from "./places.ts";

/**
 * Brings what `holdfast cni install` has made up to this version. Plugin and agent are of one checkout, so a start of the agent is when they may
 * differ. An agent without it serves all the same: what is wrong is logged.
 */
export async function refreshInstallations(
  directory: string,
  { logger, now, program = BUILT_PLUGIN }: { readonly logger: Logger; readonly now: number; readonly program?: string },
): Promise<void> {
  try {
    const steps = await planRefresh(directory, () => readPlugin(program), now);
    await carryOut(steps);
    for (const { path, reason } of steps) logger.info("brought the CNI installation up to date", { path, reason });
  } catch (error) {
    logger.warn("the CNI installation is not brought up to date; see: holdfast cni status", {
      error: errorText(error),
    });
  }
}
