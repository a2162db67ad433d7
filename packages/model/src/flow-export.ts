import { HoldfastError, IpAddress } from "@holdfast/core";
import { z } from "zod";

/** Where sFlow is sent: UDP. */
export interface FlowTarget {
  readonly address: IpAddress;
  readonly port: number;
}

/** sFlow's own port (IANA). */
const SFLOW_PORT = 6343;

/** So many collectors at most: each gets all. */
export const MOST_FLOW_TARGETS = 8;

/**
 * `192.0.2.5`, `192.0.2.5:6343` or `[2001:db8::5]:6343`.
 *
 * @throws HoldfastError `invalid_argument`; a name is none, because switches look none up.
 */
export function parseFlowTarget(text: string): FlowTarget {
  const whole = IpAddress.tryParse(text);
  if (whole !== undefined) return { address: whole, port: SFLOW_PORT };
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const address = IpAddress.tryParse(match?.[1] ?? match?.[2] ?? "");
  const port = Number(match?.[3]);
  if (address !== undefined && port >= 1 && port <= 65_535) return { address, port };
  const why = `${JSON.stringify(text)} is not ADDRESS or ADDRESS:PORT, e.g. 192.0.2.5:6343; names are not looked up`;
  throw new HoldfastError("invalid_argument", why);
}

/**
 * Targets separated by commas; none where there is nothing.
 *
 * @throws HoldfastError `invalid_argument`.
 */
export function parseFlowTargets(text: string): readonly FlowTarget[] {
  const parts = text.split(",").map((part) => part.trim());
  const targets = parts.filter((part) => part !== "").map(parseFlowTarget);
  if (new Set(targets.map(flowTargetText)).size < targets.length)
    throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} names a target twice`);
  if (targets.length <= MOST_FLOW_TARGETS) return targets;
  throw new HoldfastError("invalid_argument", `${targets.length} targets are more than ${MOST_FLOW_TARGETS}`);
}

/** With its port, and brackets around IPv6: as Open vSwitch wants it. */
export function flowTargetText({ address, port }: FlowTarget): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const flowTargetField = z
  .string()
  .max(64)
  .refine(isFlowTarget, "not ADDRESS:PORT")
  .meta({ description: "Address and UDP port of a collector of sFlow.", examples: ["192.0.2.5:6343"] });

function isFlowTarget(text: string): boolean {
  try {
    return flowTargetText(parseFlowTarget(text)) === text;
  } catch {
    return false;
  }
}

/** How switches of nodes tell of their packets, unless a node's own configuration says otherwise. */
export const flowExportSchema = z
  .strictObject({
    /** Empty: nowhere. */
    targets: z.array(flowTargetField).max(MOST_FLOW_TARGETS),
    /** One of so many packets is sampled. 1: each. */
    sampling: z.int().min(1).max(0x7fff_ffff),
    /** Between two samples of a port's counters. */
    pollingSeconds: z.int().min(1).max(86_400),
  })
  .meta({ id: "FlowExport" });
export type FlowExport = z.output<typeof flowExportSchema>;
