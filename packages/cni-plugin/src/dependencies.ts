import type { Logger, Reached } from "@holdfast/core";
import type { WorkloadApi } from "@holdfast/model";
import type { Kernel } from "@holdfast/netlink";

/** What the plugin works with. */
export interface PluginDependencies {
  readonly workloads: WorkloadApi;
  /** Of the machine. */
  readonly kernel: Kernel;
  readonly logger: Logger;
  readonly reached?: Reached | undefined;
}
