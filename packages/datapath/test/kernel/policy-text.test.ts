import { glob } from "node:fs/promises";
import { expect, test } from "vitest";
import { createSandbox } from "../fabric.ts";

const folder = new URL("../../src/drivers/kernel/policy/testdata/", import.meta.url);

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
