import { MacAddress } from "@holdfast/core";

/**
 * What containers know as their gateway's, on every machine and both data paths: locally administered, so that no hardware has it. A container that
 * comes back elsewhere, or a VM that moves, finds what it remembers to be true.
 */
export const GATEWAY_MAC = MacAddress.parse("0e:68:66:00:00:01");
