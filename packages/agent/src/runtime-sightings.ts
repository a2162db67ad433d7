import type { Clock } from "@holdfast/core";
import type { InventoryEndpoint, WorkloadApi } from "@holdfast/model";
import type { LocalEndpoint } from "./local-endpoint.ts";

/** What the plugins of runtimes have seen of them last. */
export interface RuntimeSightings {
  sighted: NonNullable<WorkloadApi["sighted"]>;
  runtimes(): Iterable<{ readonly name: string; readonly isReached: boolean }>;
  /** Whether the endpoint's runtime has it, when it was looked at since the endpoint is as it is. */
  stateOf(endpoint: LocalEndpoint): InventoryEndpoint["runtime"];
}

interface Sighting {
  /** Epoch milliseconds. */
  readonly at: number;
  /** Absent: not reached. */
  readonly listed: ReadonlySet<string> | undefined;
}

export function createRuntimeSightings({ clock }: { readonly clock: Clock }): RuntimeSightings {
  const last = new Map<string, Sighting>();
  return {
    sighted: (runtime, listed) => void last.set(runtime, { at: clock.now().getTime(), listed }),

    *runtimes() {
      for (const [name, { listed }] of last) yield { name, isReached: listed !== undefined };
    },

    stateOf({ workload, since }) {
      const sighting = last.get(workload.runtime);
      if (sighting?.listed === undefined || workload.endpoint === undefined || sighting.at <= since) return "unknown";
      return sighting.listed.has(workload.endpoint) ? "listed" : "missing";
    },
  };
}
