import { LOCAL_PORT } from "@holdfast/openflow";
import { output, type Rule } from "./layout.ts";

/** OpenFlow ports of the bridge that holds the uplink. */
export const UplinkBridgePort = { integration: 1, uplink: 2 } as const;

/**
 * Flows of the bridge that holds the uplink: tagged frames belong to networks, untagged ones to the machine. Nothing is learned, so an
 * endpoint that has moved away is never looked for on the side where it was.
 */
export const uplinkRules: readonly Rule[] = [
  {
    table: 0,
    priority: 200,
    match: { inPort: UplinkBridgePort.uplink, vlan: "none" },
    actions: [output(LOCAL_PORT)],
  },
  {
    table: 0,
    priority: 100,
    match: { inPort: UplinkBridgePort.uplink },
    actions: [output(UplinkBridgePort.integration)],
  },
  {
    table: 0,
    priority: 100,
    match: { inPort: UplinkBridgePort.integration },
    actions: [output(UplinkBridgePort.uplink)],
  },
  { table: 0, priority: 100, match: { inPort: LOCAL_PORT }, actions: [output(UplinkBridgePort.uplink)] },
];
