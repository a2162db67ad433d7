import { access } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { type GuestRun, runInUml } from "./run-uml.ts";
import { steps } from "./steps.ts";

const LIMIT_MS = 900_000;
const wanted = process.env.HOLDFAST_UML === "1";

/** In a guest with a kernel of its own, because not every machine's kernel has the module; it takes minutes on one processor. */
describe.skipIf(!wanted)(
  "on the kernel's datapath in user-mode Linux (only with HOLDFAST_UML=1: make test-uml)",
  () => {
    let run: GuestRun;

    beforeAll(async () => {
      await access("/usr/bin/linux.uml").catch(() => {
        throw new Error("user-mode Linux is missing: apt-get install user-mode-linux, or make test-uml");
      });
      run = await runInUml(new URL("guest.ts", import.meta.url), LIMIT_MS);
    }, LIMIT_MS + 10_000);

    test.each(steps.map(({ name }) => name))("%s", (name) => {
      expect(run.results.has(name), `the guest has not come that far:\n${run.console}`).toBe(true);
      expect(run.results.get(name), run.console).toBeUndefined();
    });
  },
);
