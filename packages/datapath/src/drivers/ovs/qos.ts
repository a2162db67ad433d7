import type { EndpointQos } from "@holdfast/model";
import { DIRECTIONS } from "../../qos/qos-row.ts";
import { QosSide } from "../../qos/qos-side.ts";
import type { Reconciler } from "../../reconcile/reconciler.ts";
import type { OvsDriverDependencies } from "./dependencies.ts";
import type { OvsSettings } from "./options.ts";

/**
 * QoS of the switch's endpoints, with the same queues and rules as on the plain kernel. In user space the switch reads what endpoints send before any rule
 * sees it, so only what reaches them can wait there.
 */
export function createQos(
  reconciler: Reconciler,
  { kernel, host, netfilter, traffic }: OvsDriverDependencies,
  { names, datapathType, guaranteesOn: uplink }: OvsSettings,
): QosSide | undefined {
  if (netfilter === undefined || traffic === undefined) return undefined;
  const inKernel = datapathType === "system";
  return new QosSide(
    reconciler,
    { kernel, traffic, netfilter, host },
    {
      linkPrefix: names.linkPrefix,
      linkRow: (link) => ({ table: "links", key: link }),
      shapes: inKernel ? DIRECTIONS : ["ingress"],
      uplink,
      // Frames keep their sender's MAC, tagged or not.
      knownBy: ({ mac }) => [mac],
      refuses: (qos) => refusal(qos, inKernel),
    },
  );
}

function refusal({ connections, egress, dscp }: EndpointQos, inKernel: boolean): string | undefined {
  if (connections !== undefined)
    return "Open vSwitch does not count connections; use a routed network, or leave it out";
  if (inKernel || (egress === undefined && dscp === undefined)) return undefined;
  const what = egress === undefined ? "mark" : "limit";
  return `the user-space datapath of Open vSwitch cannot ${what} what endpoints send; use its kernel module, or a routed network`;
}
