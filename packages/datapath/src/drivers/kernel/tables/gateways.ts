import type { InterfaceAddress, Kernel } from "@holdfast/netlink";
import { type ObservedTable, observedTable } from "../../../reconcile/observed-table.ts";
import { GATEWAY, GATEWAY_LINK } from "../gateway.ts";

export const GATEWAY_ROW: InterfaceAddress = { link: GATEWAY_LINK, address: GATEWAY.v4, length: 32, scope: "link" };

/** The machine's address that endpoints send everything to; there while any endpoint is. */
export function gatewayTable(kernel: Kernel): ObservedTable<InterfaceAddress> {
  return observedTable<InterfaceAddress>({
    name: "gateways",
    key: ({ address }) => address,
    same: (a, b) => a.length === b.length && a.scope === b.scope,
    list: async () => (await kernel.listAddresses(GATEWAY_LINK)).filter(({ address }) => address === GATEWAY.v4),
    async put(row) {
      await kernel.setLink(row.link, { up: true });
      await kernel.replaceAddress(row);
    },
    take: (row) => kernel.deleteAddress(row),
  });
}
