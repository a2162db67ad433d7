import { expect, test } from "vitest";
import { network, routed } from "../../testing/parties.ts";
import { chooseServed } from "./local-gateways.ts";

const pods = routed(network("n1", "vlan", 100, { prefixes: ["10.20.0.0/16"] }));
const web = network("n2", "vlan", 100, { prefixes: ["10.20.8.0/24"], tenant: "red" });
const blue = network("n3", "vlan", 101, { prefixes: ["10.30.0.0/24"], tenant: "blue" });

test("a machine is no gateway of a network that overlaps an older one that it routes, nor of what it routes", () => {
  const { served, refused } = chooseServed([blue, web, pods]);
  expect(served.map(({ id }) => id)).toEqual(["n3"]);
  expect(refused).toMatchObject([
    { row: "gateways n2", error: expect.stringContaining("10.20.8.0/24 of network red/net-n2 overlaps 10.20.0.0/16") },
  ]);
});
