import assert from "node:assert/strict";
import { type CaseReport, reasonOf, type Verdict } from "../report.ts";
import { addCases } from "./cases/add.ts";
import { checkCases } from "./cases/check.ts";
import { delCases } from "./cases/del.ts";
import { gcCases, statusCases } from "./cases/gc.ts";
import { inputCases } from "./cases/input.ts";
import { namespaceCases } from "./cases/namespace.ts";
import { versionCases } from "./cases/version.ts";
import { wishCases } from "./cases/wishes.ts";
import type { CaseStage, ConformanceCase } from "./conformance-case.ts";
import { Container } from "./container.ts";
import { changesSince, machineState, quietState } from "./machine-state.ts";
import { type Plugin, readJson, VERSIONS } from "./plugin.ts";

/** Every point that is looked at, in the order in which it is. */
export const CASES: readonly ConformanceCase[] = [
  ...versionCases,
  ...inputCases,
  ...namespaceCases,
  ...addCases,
  ...delCases,
  ...checkCases,
  ...gcCases,
  ...statusCases,
  ...wishCases,
];

/** Runs the cases one after the other; what one leaves is taken away before the next. */
export async function* runSuite(
  plugin: Plugin,
  {
    cases = CASES,
    freeAddress,
  }: { readonly cases?: readonly ConformanceCase[]; readonly freeAddress?: string | undefined },
): AsyncGenerator<CaseReport> {
  const { stdout } = await plugin.call("VERSION");
  const { supportedVersions } = readJson(stdout) as { readonly supportedVersions?: readonly string[] };
  plugin.newest = VERSIONS.findLast((version) => supportedVersions?.includes(version)) ?? plugin.newest;
  let containers = 0;
  const setting = { plugin, freeAddress, nextId: () => `cni-test-${process.pid}-${containers++}` };
  for (const each of cases) {
    const started = performance.now();
    const verdict = await judged(setting, each);
    yield { id: each.id, title: each.title, verdict, milliseconds: performance.now() - started };
  }
}

interface SuiteSetting {
  readonly plugin: Plugin;
  readonly freeAddress: string | undefined;
  /** A container's id that no other has. */
  readonly nextId: () => string;
}

async function judged(setting: SuiteSetting, each: ConformanceCase): Promise<Verdict> {
  await using undo = new AsyncDisposableStack();
  const stage = createStage(setting, undo);
  const reason = each.skipped?.(stage);
  if (reason !== undefined) return { kind: "skipped", reason };
  try {
    await each.run(stage);
    return { kind: "passed" };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  }
}

function createStage(setting: SuiteSetting, undo: AsyncDisposableStack): CaseStage {
  const { plugin, freeAddress, nextId } = setting;

  async function container(): Promise<Container> {
    const made = await Container.create(nextId());
    undo.defer(async () => {
      // With what a case may have added; those that test DEL itself have done so before.
      await plugin.call("DEL", { container: made });
      await plugin.call("DEL", { container: made, ifName: "eth1" });
      await made.remove();
    });
    return made;
  }
  return {
    plugin,
    ...(freeAddress === undefined ? {} : { freeAddress }),
    container,
    async withoutEffect(work) {
      const before = plugin.restless ? await quietState() : await machineState();
      plugin.restless = false;
      await work();
      assert.deepEqual(await changesSince(before), [], "the machine has changed");
    },
    async withoutRest(work) {
      await quietState();
      const before = await machineState({ anonymous: true });
      await work();
      assert.deepEqual(await changesSince(before, { anonymous: true }), [], "something is left on the machine");
    },
  };
}
