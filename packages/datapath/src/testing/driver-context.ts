import type { WiredNetwork } from "@holdfast/model";
import type { Kernel, Link } from "@holdfast/netlink";
import type { AttachedPort, DatapathDriver, EndpointWiring } from "../driver.ts";

/** What a driver is tried with. */
export interface DriverTraits {
  readonly networks: {
    readonly first: WiredNetwork;
    /** Of another tenant, with an MTU of 1450 and the prefix 10.30.0.0/24. */
    readonly other: WiredNetwork;
    /** A third tenant's with the prefix of `other`. Absent: the driver refuses such a network. */
    readonly twin?: WiredNetwork;
  };
}

/** A machine of its own, empty at first. */
export interface DriverEnvironment extends AsyncDisposable {
  readonly kernel: Kernel;
  /** Opens a driver on the machine; again after `close`: as a restarted agent does. */
  open(): Promise<DatapathDriver>;
  /** What published ports add to the machine. */
  openings(): Promise<readonly unknown[]>;
}

/** What each part of the compliance suite is given; `machine`, `driver` and `signal` are those of the running test. */
export interface DriverContext extends DriverTraits {
  machine(): DriverEnvironment;
  /** Knows `first` and `other` of the networks. */
  driver(): DatapathDriver;
  signal(): AbortSignal;
  /** Two of the network `first`, and one of `other`. */
  readonly endpoints: Readonly<Record<"a" | "b" | "c", EndpointWiring>>;
  link(name: string): Promise<Link | undefined>;
  /** Whether the interface is gone, or waits for another endpoint, as good as new. */
  isFree(port: AttachedPort): Promise<boolean>;
  /** Closes the driver and opens another one, which is told the networks again. */
  restart(): Promise<void>;
}
