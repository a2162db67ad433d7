import type { Clock, Logger, Turns } from "@holdfast/core";
import type { AttachedInterface, WorkloadApi } from "@holdfast/model";
import type { PortProbe } from "./host-ports.ts";
import type { InFlight } from "./in-flight.ts";
import type { Records } from "./records.ts";
import type { Sandboxes } from "./sandbox.ts";

/** What both drivers work with. */
export interface DriverContext {
  readonly workloads: WorkloadApi;
  readonly records: Records;
  readonly inFlight: InFlight;
  readonly turns: Turns;
  /** Answers of attach by EndpointID, until Join has used them; what is not here is asked again. */
  readonly interfaces: Map<string, AttachedInterface>;
  readonly portProbe: PortProbe;
  readonly random: () => number;
  readonly sandboxes: Sandboxes;
  /** Whether dockerd is known to serve its API: then it is not starting. */
  readonly engineServes: () => boolean;
  /** Has dockerd looked at again soon; returns at once. */
  readonly lookAgain: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
}
