import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { resolve } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const holdfast = resolve(import.meta.dirname, "../../bin/holdfast");

test("an identity moves from a Docker container to a pod on another host and back, with address and MAC", async () => {
  const { stdout } = await promisify(execFile)(holdfast, ["lab", "demo", "--runtimes"], { timeout: 120_000 });
  const own = /redis-0 is a pod on host-2 now: (10\.20\.0\.\d+ 02:64:0a:14:00:[0-9a-f]{2}), as before/.exec(
    stdout,
  )?.[1];
  expect(own).toBeDefined();
  expect(stdout).toContain(`redis-0 is a container on host-1 now: ${own}, as before`);
  expect(stdout.match(/answers the router/g)).toHaveLength(3);
  // The address book tells it, too: three bindings of one identity.
  expect(stdout.match(/ bound +redis-0 +h[12] /g)?.map((line) => line.trim().slice(-2))).toEqual(["h1", "h2", "h1"]);
  const gaps = /to a pod (\d+) ms, back to Docker (\d+) ms without an answer/.exec(stdout)?.slice(1).map(Number) ?? [];
  expect(gaps).toHaveLength(2);
  // What stops in between are two runtimes; one that had to try again would need seconds.
  for (const gap of gaps) expect(gap).toBeLessThan(5000);
  const labs = existsSync("/run/holdfast-lab") ? readdirSync("/run/holdfast-lab") : [];
  expect(labs.filter((name) => name.startsWith("demo-"))).toEqual([]);
});
