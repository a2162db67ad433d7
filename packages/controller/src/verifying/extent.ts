import type { Name } from "@holdfast/core";
import type { DifferenceKind, VerificationMessage } from "@holdfast/model";
import type { Finding } from "./finding.ts";
import type { Scope } from "./observations.ts";

/** What a round looks at. Absent: everything. */
export interface Extent {
  readonly tenant?: Name | undefined;
  readonly network?: Name | undefined;
  readonly node?: Name | undefined;
  /** Leaves out what takes long in a large book: claims, locks, pools and history. */
  readonly nodesOnly?: boolean | undefined;
}

export type Stage = Extract<VerificationMessage, { kind: "progress" }>["stage"];

/** Where each kind of difference is looked for. */
const STAGE_OF: Readonly<Record<DifferenceKind, "nodes" | "endpoints" | "book">> = {
  "endpoint-missing": "nodes",
  "endpoint-dead": "nodes",
  "endpoint-unknown": "nodes",
  "endpoint-differs": "nodes",
  "stray-interface": "nodes",
  "settled-loss": "nodes",
  "endpoint-without-node": "endpoints",
  "endpoint-without-claim": "endpoints",
  "binding-without-endpoint": "book",
  "claim-without-address": "book",
  "address-without-claim": "book",
  "claim-without-end": "book",
  "claim-outside": "book",
  "quarantine-outside": "book",
  "rest-of-claimed": "book",
  "pool-differs": "book",
  "ledger-differs": "book",
};

export function scopeOf({ kind, about }: Finding): Scope {
  return { stage: STAGE_OF[kind], tenant: about.tenant, network: about.network, node: about.node };
}

/** Whether a round of this extent would have seen it again. */
export function isWithin(scope: Scope, { tenant, network, node, nodesOnly = false }: Extent): boolean {
  if (nodesOnly && scope.stage === "book") return false;
  return (
    (tenant === undefined || scope.tenant === tenant) &&
    (network === undefined || scope.network === network) &&
    (node === undefined || scope.node === node)
  );
}
