import { isDeepStrictEqual } from "node:util";
import type { FlowExport, FlowExportSettings } from "@holdfast/datapath";
import { type NodeRecord, type NodeReport, parseFlowTarget } from "@holdfast/model";

/** What this node's own configuration says of the export of sFlow; what it leaves out is as the controller says. */
export interface OwnFlowExport {
  /** Empty: nothing is exported. */
  readonly targets?: FlowExportSettings["targets"];
  readonly sampling?: number;
  readonly pollingSeconds?: number;
}

/** Tells the switch how to export, as node and controller want it. */
export interface FlowExports {
  /** What the controller says of this node. */
  hear(record: NodeRecord): void;
}

/**
 * Until the controller has been heard, the switch goes on as it did: an agent that starts without one changes nothing.
 *
 * @param flowExport absent: this node cannot export
 */
export function createFlowExports(
  flowExport: Pick<FlowExport, "set"> | undefined,
  { own = {}, report }: { readonly own?: OwnFlowExport | undefined; readonly report: NodeReport },
): FlowExports {
  let last: { readonly settings: FlowExportSettings | undefined } | undefined;
  return {
    hear({ flowExport: told }) {
      // A controller of an older version says nothing of it.
      if (told === undefined && own.targets === undefined) return;
      const settings = exportSettings(own, told, report);
      if (last !== undefined && isDeepStrictEqual(last.settings, settings)) return;
      last = { settings };
      flowExport?.set(settings);
    },
  };
}

const DEFAULT_SAMPLING = 400;
const DEFAULT_POLLING = 30;

/** Undefined: nothing is exported. */
export function exportSettings(
  own: OwnFlowExport,
  told: NodeRecord["flowExport"],
  { sflowAgent }: Pick<NodeReport, "sflowAgent">,
): FlowExportSettings | undefined {
  const targets = own.targets ?? told?.targets.map(parseFlowTarget) ?? [];
  if (targets.length === 0 || sflowAgent === undefined) return undefined;
  return {
    targets,
    sampling: own.sampling ?? told?.sampling ?? DEFAULT_SAMPLING,
    pollingSeconds: own.pollingSeconds ?? told?.pollingSeconds ?? DEFAULT_POLLING,
    agent: sflowAgent,
  };
}
