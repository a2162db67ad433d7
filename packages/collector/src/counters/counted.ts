import { addedAmounts, type InterfaceAmounts } from "@holdfast/flow";
import type { EndpointEnd } from "../windows/traffic.ts";

/** What was counted at one port: exact, every packet is in it. */
export interface CountedPort {
  /** Whose port it is. Absent: nobody's, or not known. */
  readonly owner?: PortOwner;
  /** Absent: no node has the exporter's address. */
  readonly node?: string;
  /** Address by which the exporter calls itself. */
  readonly exporter: string;
  readonly ifIndex: number;
  /** Of the port, e.g. `"hfp1000"`. Absent: not told. */
  readonly port?: string;
  /** What is counted came after it, in milliseconds since 1970. */
  readonly since: number;
  /** Of the last sample, in milliseconds since 1970. */
  readonly until: number;
  /** What the container has sent. */
  readonly egress: InterfaceAmounts;
  /** What was for the container. */
  readonly ingress: InterfaceAmounts;
}

export type PortOwner = Pick<EndpointEnd, "endpoint" | "tenant" | "network" | "identity">;

/** Which ports, and of which time, in milliseconds since 1970. What was counted between two samples is of the time of the second. */
export interface CountPlan {
  readonly from: number;
  /** Not included. */
  readonly to: number;
  readonly tenant?: string | undefined;
  readonly network?: string | undefined;
  readonly identity?: string | undefined;
  readonly node?: string | undefined;
}

export const AMOUNTS = ["bytes", "packets", "drops", "errors"] as const satisfies (keyof InterfaceAmounts)[];
export const WAYS = ["egress", "ingress"] as const satisfies (keyof CountedPort)[];
const OWNER_FIELDS = ["tenant", "network", "identity"] as const satisfies (keyof PortOwner & keyof CountPlan)[];
/** What a plan may name of a port. */
export const ASKED_OF_PORTS = [...OWNER_FIELDS, "node"] as const satisfies (keyof CountPlan)[];

/** What back ends tell ports apart by; null: it is not there. */
export type PortKey = Readonly<
  Record<keyof PortOwner | "node" | "port", string | null> & Pick<CountedPort, "exporter" | "ifIndex">
>;

export function countedPort(
  { endpoint, tenant, network, identity, node, exporter, ifIndex, port }: PortKey,
  counted: Pick<CountedPort, "since" | "until" | "egress" | "ingress">,
): CountedPort {
  return {
    ...(endpoint === null ? {} : { owner: { endpoint, tenant, network, identity } as PortOwner }),
    ...(node === null ? {} : { node }),
    exporter,
    ifIndex,
    ...(port === null ? {} : { port }),
    ...counted,
  };
}

/** Whether a plan is about it. */
export function isMeant({ owner, node, until }: CountedPort, plan: CountPlan): boolean {
  if (until < plan.from || until >= plan.to || (plan.node !== undefined && plan.node !== node)) return false;
  return OWNER_FIELDS.every((field) => plan[field] === undefined || plan[field] === owner?.[field]);
}

/** Each port of each owner once: what every back end has to come to. */
export function addUpPorts(counts: Iterable<CountedPort>): readonly CountedPort[] {
  const found = new Map<string, CountedPort>();
  for (const one of counts) {
    const { owner, node, exporter, ifIndex, port } = one;
    const key = JSON.stringify([owner?.endpoint, owner?.identity, node, exporter, ifIndex, port]);
    const before = found.get(key);
    if (before === undefined) found.set(key, one);
    else
      found.set(key, {
        ...before,
        since: Math.min(before.since, one.since),
        until: Math.max(before.until, one.until),
        egress: addedAmounts(before.egress, one.egress),
        ingress: addedAmounts(before.ingress, one.ingress),
      });
  }
  return [...found.values()];
}
