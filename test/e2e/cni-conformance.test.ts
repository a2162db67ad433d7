import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { tryRun } from "../conformance/command.ts";
import type { Book } from "./book.ts";
import { Stage } from "./stage.ts";

const SUITE = join(import.meta.dirname, "../conformance/cni");
const PROGRAM = [process.execPath, join(SUITE, "main.ts"), "--failures", "--address"];
const SHIM = join(import.meta.dirname, "../../packages/cni/build/holdfast");
const DEBIANS = "/usr/lib/cni";

let stage: Stage;

beforeAll(async () => {
  const signal = AbortSignal.timeout(60_000);
  stage = await Stage.create({ title: "conf", vlans: { 100: ["10.20.0.1/16"] } }, signal);
  await stage.network("vlan", "--kind vlan --vlan 100 --subnet 10.20.0.0/16", signal);
  await stage.network("routed", "--kind routed --subnet 10.30.0.0/16", signal);
});

afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

describe("the conformance suite for CNI", () => {
  // At once, on a machine each: the suite looks at all that is on its machine.
  test.concurrent.each([
    { network: "vlan", address: "10.20.7.7", machine: 1 },
    { network: "routed", address: "10.30.7.7", machine: 2 },
  ])("finds nothing wrong with our plugin on a network of kind $network", async ({ network, address, machine }) => {
    const signal = AbortSignal.timeout(120_000);
    const host = stage.lab.host(machine);
    const conf = join(host.path("/run"), "conformance.json");
    const capabilities = { ips: true, mac: true };
    await writeFile(conf, JSON.stringify({ name: "conformance", type: "holdfast", network, capabilities }));
    const words = [...PROGRAM, address, "--here", "--plugin", SHIM, "--conf", "/run/conformance.json"];
    const { stdout } = await host.tryExec(words, { signal });
    expect(stdout).toMatch(/ passed, 0 known to fail, 0 skipped, 0 failed\n$/);
    const isFree = ({ endpoints }: Book) => endpoints.every((endpoint) => endpoint.network !== network);
    await stage.bookHas((book) => (isFree(book) ? true : undefined), signal);
  });

  test.runIf(process.env.HOLDFAST_CONFORMANCE === "all").each(["bridge", "ptp"])(
    "finds with Debian's %s what is known",
    async (type) => {
      const [conf, expected] = [join(SUITE, `subjects/${type}.json`), join(SUITE, `subjects/${type}-known.json`)];
      const words = [...PROGRAM, "10.20.7.7", "--plugin", join(DEBIANS, type), "--conf", conf, "--expected", expected];
      const { code, stdout } = await tryRun(words, { limit: 150_000 });
      expect(stdout).toMatch(/ 0 failed\n$/);
      expect(code).toBe(0);
    },
  );
});
