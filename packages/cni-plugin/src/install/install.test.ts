import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Name } from "@holdfast/core";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { CAPABILITIES } from "../protocol/network-config.ts";
import { type Installation, planInstall, planUninstall, type Reached } from "./index.ts";
import { planRefresh } from "./refresh.ts";
import { carryOut, type Step } from "./steps.ts";

const SIGN = "@(#)holdfast-cni-plugin";
const program = (version: string): Buffer => Buffer.from(`${version} ${SIGN}`);
const now = Date.now();

describe("an installation", () => {
  let root: string;
  let conflist: string;
  let plugin: string;
  let installation: Installation;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), "holdfast-install-"));
    conflist = join(root, "net.d", "10-holdfast.conflist");
    plugin = join(root, "bin", "holdfast");
    installation = {
      name: "holdfast",
      tenant: Name.parse("blue"),
      network: Name.parse("web"),
      pluginDirectories: [join(root, "bin")],
    };
  });
  afterEach(() => rm(root, { recursive: true }));

  const how = (force = false) => ({ conflist, force, now });
  const said = (steps: readonly Step[]) =>
    steps.map(({ action, path, reason }) => `${action} ${path.slice(root.length + 1)}: ${reason}`);
  const install = async (change: Partial<Installation> = {}, version = "1", force = false): Promise<string[]> => {
    const steps = await planInstall({ ...installation, ...change }, program(version), how(force));
    await carryOut(steps);
    return said(steps);
  };
  const uninstall = async (force = false): Promise<string[]> => {
    const steps = await planUninstall(installation, how(force));
    await carryOut(steps);
    return said(steps);
  };
  const put = async (path: string, text: string): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text);
  };
  const files = async (): Promise<readonly string[]> =>
    (await readdir(root, { recursive: true, withFileTypes: true }))
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name).slice(root.length + 1))
      .sort();

  describe("of the plugin and a configuration", () => {
    test("puts the plugin before what names it, both readable for all", async () => {
      expect(await install()).toEqual(["write bin/holdfast: missing", "write net.d/10-holdfast.conflist: missing"]);
      expect((await stat(plugin)).mode & 0o777).toBe(0o755);
      expect((await stat(conflist)).mode & 0o777).toBe(0o644);
      expect(await files()).toEqual(["bin/holdfast", "net.d/10-holdfast.conflist"]);
    });

    test("says all versions and everything that the plugin reads", async () => {
      await install();
      const capabilities = Object.fromEntries(CAPABILITIES.map((each) => [each, true]));
      expect(JSON.parse(await readFile(conflist, "utf8"))).toMatchObject({
        cniVersion: "1.0.0",
        cniVersions: ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
        name: "holdfast",
        plugins: [{ type: "holdfast", tenant: "blue", network: "web", capabilities }],
      });
      expect(CAPABILITIES).toContain("io.kubernetes.cri.pod-annotations");
    });

    test("says that default routes are elsewhere when they are, and goes on saying it", async () => {
      await install({ defaultRoute: false });
      expect(JSON.parse(await readFile(conflist, "utf8")).plugins[0]).toMatchObject({ defaultRoute: false });
      expect(await install({ defaultRoute: false })).toEqual([]);
      expect(await planRefresh(dirname(conflist), () => Promise.resolve(program("1")), now)).toEqual([]);
      expect(await install()).toEqual(["write net.d/10-holdfast.conflist: says something else"]);
      expect(JSON.parse(await readFile(conflist, "utf8")).plugins[0]).not.toHaveProperty("defaultRoute");
    });

    test("has nothing to do the second time, and later only what differs", async () => {
      await install();
      expect(await install()).toEqual([]);
      expect(await install({}, "2")).toEqual(["write bin/holdfast: another version"]);
      const network = Name.parse("db");
      expect(await install({ network }, "2")).toEqual(["write net.d/10-holdfast.conflist: says something else"]);
      expect(await readFile(conflist, "utf8")).toContain('"network": "db"');
    });

    test("goes where it is asked to, and away from where it is not any more", async () => {
      await install();
      const steps = await install({ pluginDirectories: [join(root, "lib")] });
      expect(steps).toEqual([
        "write lib/holdfast: missing",
        "write net.d/10-holdfast.conflist: says something else",
        "remove bin/holdfast: not asked for any more",
      ]);
    });

    test("replaces a plugin that runs, which goes on", async () => {
      await put(plugin, "");
      await writeFile(plugin, Buffer.concat([await readFile("/bin/sleep"), Buffer.from(SIGN)]), { mode: 0o755 });
      await carryOut([{ action: "write", path: plugin, reason: "", mode: 0o755, content: await readFile(plugin) }]);
      const running = spawn(plugin, ["60"]);
      await once(running, "spawn");
      await install({}, "2");
      expect(await readFile(plugin)).toEqual(program("2"));
      expect(running.exitCode).toBeNull();
      running.kill();
      await once(running, "exit");
    });

    test("that fails at any point leaves whole files and no configuration without its plugin", async () => {
      const points: string[] = [];
      const remember: Reached = (point, path) => points.push(`${point} ${path}`);
      await carryOut(await planInstall(installation, program("1"), how()), remember);
      expect(points).toHaveLength(6);
      for (let end = 0; end < points.length; end++) {
        await rm(root, { recursive: true });
        let left = end;
        const fail: Reached = () => {
          if (left-- === 0) throw new Error("the disk is full");
        };
        const steps = await planInstall(installation, program("1"), how());
        await expect(carryOut(steps, fail)).rejects.toThrow("the disk is full");
        const there = await files();
        expect(there.filter((name) => name.endsWith(".new"))).toEqual([]);
        if (there.includes("net.d/10-holdfast.conflist")) expect(await readFile(plugin)).toEqual(program("1"));
        await install();
        expect(await install()).toEqual([]);
      }
    });

    test("takes away what killed ones have left, when nobody can be writing it any more", async () => {
      await install();
      const [old, young] = ["old", "young"].map((each) => join(root, `bin/.holdfast.${each}.new`));
      await put(old ?? "", "half");
      await put(young ?? "", "half");
      await utimes(old ?? "", now / 1000 - 61, now / 1000 - 61);
      expect(await install()).toEqual(["remove bin/.holdfast.old.new: left by an installation that was killed"]);
      expect(await files()).toContain("bin/.holdfast.young.new");
    });
  });

  describe("leaves to others what is theirs", () => {
    const refused = async (remedy: string): Promise<void> => {
      const before = await Promise.all((await files()).map((name) => readFile(join(root, name), "utf8")));
      await expect(install({ network: Name.parse("db") }, "2")).rejects.toThrow(remedy);
      const after = await Promise.all((await files()).map((name) => readFile(join(root, name), "utf8")));
      expect(after).toEqual(before);
    };

    test.each(["{}", "no JSON", "null", '{"name":"x","plugins":[{"type":"holdfast","network":"web"}]}'])(
      "a configuration of that name: %s",
      async (text) => {
        await put(conflist, text);
        await refused("was not made by holdfast cni install; move it away, or choose another file with --conflist");
        await expect(uninstall(true)).rejects.toThrow("was not made by holdfast cni install");
      },
    );

    test("a program of that name", async () => {
      await put(plugin, "#!/bin/sh\n");
      await refused(`${plugin} is a program of somebody else`);
      expect(await uninstall()).toEqual([]);
      expect(await files()).toEqual(["bin/holdfast"]);
    });

    test("changes by hand, unless they are given up", async () => {
      await install();
      const text = await readFile(conflist, "utf8");
      await writeFile(conflist, text.replace('"name": "holdfast"', '"name": "mine"'));
      await refused("has been changed by hand since it was installed; --force gives up these changes");
      await expect(uninstall()).rejects.toThrow("--force");
      expect(await install({}, "1", true)).toEqual(["write net.d/10-holdfast.conflist: says something else"]);
      expect(await readFile(conflist, "utf8")).toBe(text);
    });

    test("but not what is only laid out otherwise", async () => {
      await install();
      await writeFile(conflist, JSON.stringify(JSON.parse(await readFile(conflist, "utf8"))));
      expect(await install()).toEqual(["write net.d/10-holdfast.conflist: says something else"]);
    });

    test("a name in the folder, under which runtimes keep their attachments", async () => {
      await put(join(root, "net.d/50-other.conf"), '{"name":"holdfast","type":"bridge"}');
      await refused("50-other.conf is called holdfast, too; choose another name with --name");
    });
  });

  describe("is removed", () => {
    test("with the configuration before the plugin, and again with success", async () => {
      await install();
      await put(join(root, "net.d/50-other.conf"), '{"name":"other","type":"bridge"}');
      await put(join(root, "bin/bridge"), "");
      expect(await uninstall()).toEqual([
        "remove net.d/10-holdfast.conflist: installed",
        "remove bin/holdfast: installed",
      ]);
      expect(await files()).toEqual(["bin/bridge", "net.d/50-other.conf"]);
      expect(await uninstall()).toEqual([]);
    });

    test("from where it was installed, whatever is said now", async () => {
      await install({ pluginDirectories: [join(root, "lib"), join(root, "opt")] });
      await uninstall();
      expect(await files()).toEqual([]);
    });

    test("but for a plugin that another configuration needs", async () => {
      await install();
      const other = join(root, "net.d/20-db.conflist");
      await carryOut(await planInstall({ ...installation, name: "db" }, program("1"), { ...how(), conflist: other }));
      expect(await uninstall()).toEqual(["remove net.d/10-holdfast.conflist: installed"]);
      await put(join(root, "net.d/30-own.conf"), '{"name":"own","type":"holdfast"}');
      await carryOut(await planUninstall(installation, { ...how(), conflist: other }));
      expect(await files()).toEqual(["bin/holdfast", "net.d/30-own.conf"]);
    });
  });

  describe("is brought up to date by an agent", () => {
    const refresh = async (version: string): Promise<string[]> => {
      const steps = await planRefresh(dirname(conflist), () => Promise.resolve(program(version)), now);
      await carryOut(steps);
      return said(steps);
    };

    test("of another version; nothing is installed that was not", async () => {
      const unreadable = () => Promise.reject(new Error("there is no program to read"));
      expect(await planRefresh(dirname(conflist), unreadable, now)).toEqual([]);
      await put(join(root, "net.d/05-other.conflist"), '{"name":"other","plugins":[{"type":"holdfast"}]}');
      expect(await refresh("1")).toEqual([]);
      await install();
      expect(await refresh("1")).toEqual([]);
      expect(await refresh("2")).toEqual(["write bin/holdfast: another version"]);
      await writeFile(conflist, JSON.stringify(JSON.parse(await readFile(conflist, "utf8"))));
      expect(await refresh("2")).toEqual(["write net.d/10-holdfast.conflist: says something else"]);
    });

    test("which leaves what was changed by hand, but for its plugin", async () => {
      await install();
      const mine = (await readFile(conflist, "utf8")).replace('"mac": true', '"mac": false');
      await writeFile(conflist, mine);
      expect(await refresh("2")).toEqual(["write bin/holdfast: another version"]);
      expect(await readFile(conflist, "utf8")).toBe(mine);
    });
  });
});
