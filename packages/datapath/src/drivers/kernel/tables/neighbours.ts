import type { Kernel, Neighbour } from "@holdfast/netlink";
import { type ObservedTable, observedTable } from "../../../reconcile/observed-table.ts";
import type { LinkNames } from "../options.ts";

/** The MACs of endpoints: the machine asks nobody, and believes nobody who says otherwise. */
export function neighbourTable(kernel: Kernel, names: LinkNames): ObservedTable<Neighbour> {
  return observedTable<Neighbour>({
    name: "neighbours",
    key: ({ link, address }) => `${link} ${address}`,
    same: (a, b) => a.mac === b.mac && a.state === b.state,
    needs: ({ link }) => [{ table: "veths", key: link }],
    list: async () =>
      (await kernel.listNeighbours()).filter(
        ({ link, state }) => state === "permanent" && names.linkNumber(link) !== undefined,
      ),
    put: (row) => kernel.replaceNeighbour(row),
    take: (row) => kernel.deleteNeighbour(row),
  });
}
