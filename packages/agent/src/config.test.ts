import { readOptions } from "@holdfast/core";
import { expect, test } from "vitest";
import { agentOptions } from "./config.ts";

const read = (flags: Readonly<Record<string, string>>) => readOptions("agent", agentOptions, { flags });

test("a node has one address of each family, and one of the known data paths", () => {
  expect(read({}).nodeAddress).toBeUndefined();
  expect(read({}).datapath).toBe("auto");
  expect(read({ nodeAddress: "192.0.2.1, 2001:db8::1" }).nodeAddress).toEqual(["192.0.2.1", "2001:db8::1"]);
  expect(() => read({ nodeAddress: "192.0.2.1,192.0.2.2" })).toThrow(/two addresses of one family/);
  expect(() => read({ nodeAddress: "eth0" })).toThrow(/node/i);
  expect(() => read({ datapath: "bridge" })).toThrow(/none of auto, ovs, kernel, both/);
});
