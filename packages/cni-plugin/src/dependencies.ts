import type { Logger, Reached } from "@holdfast/core";
import type { WorkloadApi } from "@holdfast/model";
import type { Kernel, ThreadLoad } from "@holdfast/netlink";

/** What the plugin works with. */
export interface PluginDependencies {
  readonly workloads: WorkloadApi;
  /** Of the machine. */
  readonly kernel: Kernel;
  readonly logger: Logger;
  /** Where its calls count, shared with whoever wires. Absent: nowhere. */
  readonly load?: ThreadLoad | undefined;
  readonly reached?: Reached | undefined;
}
