import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const holdfast = resolve(import.meta.dirname, "../../bin/holdfast");

test("the demo tells its story, with the same address before and after, and leaves no lab behind", async () => {
  const { stdout } = await promisify(execFile)(holdfast, ["lab", "demo"], { timeout: 120_000 });
  expect(stdout).toMatch(/redis-0 is on host-2 now: 10\.20\.0\.\d+ 02:64:0a:14:00:[0-9a-f]{2}, as before/);
  expect(stdout).toMatch(/mysql-0 is on host-2 now: 10\.30\.0\.\d+ 02:10:0a:1e:00:[0-9a-f]{2}, as before/);
  expect(stdout).toMatch(/kafka-0 is on host-2 now: 10\.40\.0\.\d+ 02:00:0a:28:00:[0-9a-f]{2}, as before/);
  expect(stdout.match(/answers the router/g)).toHaveLength(2);
  expect(stdout.match(/answers a container on host-[12]/g)).toHaveLength(12);
  expect(stdout).toMatch(/over VLAN \d+ ms, over VXLAN \d+ ms, routed \d+ ms without an answer/);
  // The folder goes with the last lab.
  const labs = existsSync("/run/holdfast-lab") ? readdirSync("/run/holdfast-lab") : [];
  expect(labs.filter((name) => name.startsWith("demo-"))).toEqual([]);
});
