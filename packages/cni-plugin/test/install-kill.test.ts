import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Name } from "@holdfast/core";
import { expect, test } from "vitest";
import { carryOut, type Installation, planInstall, readPlugin } from "../src/install/index.ts";

/** Built by `make setup`. */
const BUILT = join(import.meta.dirname, "../../cni/build/holdfast");
const CODE = join(import.meta.dirname, "../src/install/index.ts");

/** An installer that dies at the n-th step on the disk. */
const INSTALLER = `
const [code, built, conflist, installation, left] = process.argv.slice(1);
const { carryOut, planInstall, readPlugin } = await import(code);
let steps = Number(left);
const steplist = await planInstall(JSON.parse(installation), await readPlugin(built), { conflist, force: false, now: Date.now() });
await carryOut(steplist, () => steps-- === 0 && process.kill(process.pid, "SIGKILL"));
`;

async function installer(conflist: string, installation: Installation, left: number): Promise<string | null> {
  const words = [
    "--input-type=module",
    "-e",
    INSTALLER,
    CODE,
    BUILT,
    conflist,
    JSON.stringify(installation),
    `${left}`,
  ];
  return await new Promise((resolve) => {
    const child = execFile(process.execPath, words);
    child.once("close", (_, signal) => resolve(signal));
  });
}

async function read(path: string): Promise<Buffer | undefined> {
  return await readFile(path).catch(() => undefined);
}

test("an installer that is killed at any step leaves whole files, and the next one makes it good", async () => {
  const root = await mkdtemp(join(tmpdir(), "holdfast-install-"));
  try {
    const [conflist, plugin] = [join(root, "net.d/10-holdfast.conflist"), join(root, "bin/holdfast")];
    const installation = {
      name: "holdfast",
      tenant: Name.parse("default"),
      network: Name.parse("web"),
      pluginDirectories: [join(root, "bin")],
    };
    const program = await readPlugin(BUILT);
    const outdated = Buffer.concat([program, Buffer.from("of yesterday")]);
    const how = { conflist, force: false };
    let killed = 0;
    for (; (await installer(conflist, installation, killed)) === "SIGKILL"; killed++) {
      const [pluginNow, conflistNow] = [await read(plugin), await read(conflist)];
      expect([undefined, program, outdated]).toContainEqual(pluginNow);
      if (conflistNow !== undefined) expect([program, outdated]).toContainEqual(pluginNow);
      // What is left has no name that a runtime reads.
      const names = await readdir(join(root, "net.d")).catch(() => []);
      expect(names.filter((name) => name.endsWith(".conflist") && name !== "10-holdfast.conflist")).toEqual([]);
      await carryOut(await planInstall(installation, program, { ...how, now: Date.now() + 61_000 }));
      expect(await readdir(join(root, "bin"))).toEqual(["holdfast"]);
      expect(await readdir(join(root, "net.d"))).toEqual(["10-holdfast.conflist"]);
      await writeFile(plugin, outdated);
      await writeFile(conflist, JSON.stringify(JSON.parse(await readFile(conflist, "utf8"))));
    }
    expect(killed).toBe(6);
  } finally {
    await rm(root, { recursive: true });
  }
});
