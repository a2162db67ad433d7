import { expect, test } from "vitest";
import { network, routed } from "../testing/parties.ts";
import { shareTable } from "./routing-table.ts";

const old = routed(network("n2", "vlan", 100, { prefixes: ["10.20.0.0/16"] }));
const young = network("n10", "vxlan", 101, { prefixes: ["10.30.0.0/24", "10.20.8.0/24"], tenant: "red" });
const youngest = routed(network("n11", "vlan", 102, { prefixes: ["10.30.0.0/24"] }));

test("of networks that overlap the oldest has the machine's routing table, by number and not by text", () => {
  const { served, conflicts } = shareTable([youngest, young, old]);
  // What is not served stands in nobody's way.
  expect(served.map(({ id }) => id)).toEqual(["n2", "n11"]);
  expect([...conflicts]).toEqual([
    ["n10", "10.20.8.0/24 of network red/net-n10 overlaps 10.20.0.0/16 of default/net-n2"],
  ]);
});
