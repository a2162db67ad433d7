import { IpAddress, MacAddress } from "@holdfast/core";
import { addressWords, type InventoryChange, macWords } from "@holdfast/flow";
import { AGENTS, addressOf, ENDPOINTS, macOf, networkOf } from "./traffic.ts";

/** Who the endpoints of the traffic are: on nodes in turn, in networks of several tenants. */
export function makeInventory(): readonly InventoryChange[] {
  const nodes = Array.from({ length: AGENTS }, (_, node): InventoryChange => {
    const agents = [addressWords(IpAddress.parse(`10.9.${node}.1`))];
    return { kind: "node", node, agents, from: 0 };
  });
  const endpoints = Array.from({ length: ENDPOINTS }, (_, number): InventoryChange => {
    const mac = macWords(MacAddress.parse(macOf(number)));
    const addresses = [addressOf(number), `fd00::${number.toString(16)}`].map((text) =>
      addressWords(IpAddress.parse(text)),
    );
    const place = {
      node: number % AGENTS,
      network: networkOf(number),
      tenant: networkOf(number) % 5,
      isSampled: true,
      isRoutable: true,
    };
    return { kind: "begin", endpoint: { number, ...place, mac, addresses }, from: 0 };
  });
  return [...nodes, ...endpoints];
}
