import { glob, readFile } from "node:fs/promises";
import { type ChainChange, createNetfilter } from "@holdfast/netlink";
import { createChance } from "@holdfast/policy/testing";
import { expect, test } from "vitest";
import { kernelSets, type Mode } from "../../src/drivers/kernel/policy/names.ts";
import { groundScript, programScript } from "../../src/drivers/kernel/policy/policy-script.ts";
import { programChains } from "../../src/drivers/kernel/policy/program-chains.ts";
import { chainStep } from "../../src/drivers/kernel/policy/structure-steps.ts";
import { REALM_SETS } from "../../src/testing/policy-parties.ts";
import { randomProgram, randomSets } from "../../src/testing/random-program.ts";
import { createSandbox, type Sandbox } from "../fabric.ts";

const folder = new URL("../../src/drivers/kernel/policy/testdata/", import.meta.url);
const TABLE = "holdfast_policy";

test("nft takes the text of programs as it is, and again", async () => {
  await using sandbox = await createSandbox();
  let files = 0;
  for await (const file of glob("*.nft", { cwd: folder })) {
    files++;
    const { pathname } = new URL(file, folder);
    await sandbox.exec("nft", "--check", "-f", pathname);
    await sandbox.exec("nft", "-f", pathname);
    await sandbox.exec("nft", "flush", "ruleset");
  }
  expect(files).toBe(2);
});

test("the kernel is told what the text of programs says", async () => {
  for await (const file of glob("*.nft", { cwd: folder })) {
    const lines = (await readFile(new URL(file, folder), "utf8")).split("\n").filter((line) => line !== "");
    const own = lines.flatMap((line) => changeIn(line) ?? []);
    const others = lines.filter((line) => changeIn(line) === undefined);
    await expectAlike(lines, others, own);
  }
});

test.each(["enforced", "staged"] as const)("the same of programs made by chance: %s", async (mode: Mode) => {
  for (let seed = 1; seed <= 12; seed++) {
    const chance = createChance(seed);
    const sets = [...REALM_SETS, ...randomSets(chance)];
    const chains = programChains(randomProgram(chance), mode);
    const ground = [
      ...groundScript("hfr").split("\n"),
      ...sets.flatMap(({ id, family }) =>
        Object.values(kernelSets(id)).map(
          (name) =>
            `add set inet ${TABLE} ${name} { type ${family === "v4" ? "ipv4_addr" : "ipv6_addr"}; ${name.endsWith("prefixes") ? "flags interval; " : ""}}`,
        ),
      ),
    ];
    const own: ChainChange[] = [...chains.counters.keys()].map((counter) => ({ kind: "create-counter", counter }));
    for (const [name, rules] of chains.chains) own.push(...chainStep(name, rules, false, () => undefined).changes);
    await expectAlike([...ground, programScript(chains)], ground, own);
  }
});

/** What nft(8) prints of the table, made of text, and made by us. */
async function expectAlike(text: readonly string[], ground: readonly string[], own: readonly ChainChange[]) {
  await using told = await createSandbox();
  await using written = await createSandbox();
  await load(written, text);
  await load(told, ground);
  const netfilter = await createNetfilter(told.path);
  netfilter.change(TABLE, own);
  netfilter.close();
  expect(await listed(told)).toEqual(await listed(written));
  expect(own.length).toBeGreaterThan(10);
}

async function load(sandbox: Sandbox, lines: readonly string[]): Promise<void> {
  await sandbox.exec("sh", "-c", `nft -f - <<'END'\n${lines.join("\n")}\nEND`);
}

/** By chain and set, in whatever order they were made. */
async function listed(sandbox: Sandbox): Promise<readonly string[]> {
  return (await sandbox.exec("nft", "list", "table", "inet", TABLE)).split("\n\n").toSorted();
}

/** Undefined: a line about something else than a counter, or a chain without a hook. */
function changeIn(line: string): ChainChange | undefined {
  const [, what, name = "", rest = ""] = /^add (counter|chain|rule) inet \S+ (\S+)(?: (.*))?$/.exec(line) ?? [];
  if (what === undefined || name.startsWith("guard/") || /^(?:would_)?(?:in|e)gress$/.test(name)) {
    return undefined;
  }
  if (what === "counter") return { kind: "create-counter", counter: name };
  if (what === "chain") return { kind: "create-chain", chain: name };
  const [, rule = rest, comment] = /^(.*) comment "(.*)"$/.exec(rest) ?? [];
  return { kind: "append-rule", chain: name, rule, ...(comment === undefined ? {} : { comment }) };
}
