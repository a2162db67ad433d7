import { readdirSync, readFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { join, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

interface PackageRule {
  readonly layer: number;
  readonly neutral?: boolean;
  readonly imports: readonly string[];
}
interface Architecture {
  readonly packages: Record<string, PackageRule>;
  readonly forbiddenNames: readonly string[];
}

const root = resolve(import.meta.dirname, "..");
const architecture = JSON.parse(readFileSync(join(root, "architecture.json"), "utf8")) as Architecture;
const packages = Object.entries(architecture.packages);

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
    .map((entry) => join(entry.parentPath, entry.name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(file, "utf8");
  const found = text.matchAll(/(?:^|\n)\s*(?:import|export)\b[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)/g);
  return [...found].map((match) => match[1] ?? match[2] ?? "");
}

function ownImports(file: string): string[] {
  return importsOf(file).flatMap((specifier) => /^@holdfast\/([^/]+)/.exec(specifier)?.[1] ?? []);
}

/** Production sources: what a program loads. Tests and fakes may look at their neighbours. */
const sources = (name: string) =>
  filesUnder(join(root, "packages", name, "src")).filter((file) => !/\.test\.ts$|\/testing\//.test(file));

describe("architecture", () => {
  test("every package is declared, and none is named after nothing", () => {
    const folders = readdirSync(join(root, "packages"));
    expect(folders.sort()).toEqual(Object.keys(architecture.packages).sort());
    const names = packages.flatMap(([name]) =>
      filesUnder(join(root, "packages", name)).flatMap((file) => relative(root, file).replace(/\.ts$/, "").split("/")),
    );
    expect(names.filter((name) => architecture.forbiddenNames.includes(name))).toEqual([]);
  });

  test("declared imports point to a lower layer", () => {
    const upward = packages.flatMap(([name, rule]) =>
      rule.imports
        .filter((target) => (architecture.packages[target]?.layer ?? Number.POSITIVE_INFINITY) >= rule.layer)
        .map((target) => `${name} -> ${target}`),
    );
    expect(upward).toEqual([]);
  });

  test.each(packages)("%s imports only what it may, and its package.json says the same", (name, rule) => {
    const used = new Set(sources(name).flatMap(ownImports));
    expect([...used].filter((target) => !rule.imports.includes(target))).toEqual([]);
    const manifest = JSON.parse(readFileSync(join(root, "packages", name, "package.json"), "utf8")) as {
      dependencies: Record<string, string>;
    };
    const declared = Object.keys(manifest.dependencies).flatMap((key) => /^@holdfast\/(.+)/.exec(key)?.[1] ?? []);
    expect(declared.filter((target) => !rule.imports.includes(target))).toEqual([]);
    expect([...used].filter((target) => !declared.includes(target))).toEqual([]);
  });

  test.each(packages.filter(([, rule]) => rule.neutral === true))("%s is neutral: no module of Node", (name) => {
    const builtins = sources(name).flatMap((file) =>
      importsOf(file)
        .filter((specifier) => isBuiltin(specifier))
        .map((specifier) => `${relative(root, file)}: ${specifier}`),
    );
    expect(builtins).toEqual([]);
  });

  test("relative imports stay inside their package and name the file, never an index", () => {
    const wrong = packages.flatMap(([name]) =>
      sources(name).flatMap((file) =>
        importsOf(file)
          .filter((specifier) => specifier.startsWith("."))
          .filter((specifier) => {
            const target = resolve(file, "..", specifier);
            const outside = !target.startsWith(join(root, "packages", name, "src"));
            return (
              outside || !specifier.endsWith(".ts") || resolve(target) === join(root, "packages", name, "src/index.ts")
            );
          })
          .map((specifier) => `${relative(root, file)}: ${specifier}`),
      ),
    );
    expect(wrong).toEqual([]);
  });

  test("casts to a parsed value appear only where it is made", () => {
    const casts = packages.flatMap(([name]) =>
      sources(name)
        .filter((file) =>
          /\bas (IpAddress|Cidr|MacAddress|Name|Identity|VlanId|Vni)\b/.test(readFileSync(file, "utf8")),
        )
        .map((file) => relative(root, file)),
    );
    expect(casts.sort()).toEqual([
      "packages/core/src/cidr.ts",
      "packages/core/src/ip-address.ts",
      "packages/core/src/mac-address.ts",
      "packages/core/src/names.ts",
      "packages/core/src/segment.ts",
    ]);
  });

  test("what a simulation runs takes time and chance from its dependencies", () => {
    const own = /\bDate\.now\b|\bnew Date\(\)|\bset(?:Timeout|Interval)\(|\bAbortSignal\.timeout\b|\bMath\.random\(/;
    const users = ["model", "store", "ipam", "policy", "client", "controller", "agent"]
      .flatMap((name) => sources(name))
      .filter((file) => own.test(readFileSync(file, "utf8")))
      .map((file) => relative(root, file));
    expect(users).toEqual([]);
  });

  test("only kernel and switch packages, the lab and the program run subprocesses", () => {
    const allowed = new Set(["netlink", "ovsdb", "openflow", "datapath", "lab", "holdfast"]);
    const users = packages
      .map(([name]) => name)
      .filter((name) => !allowed.has(name))
      .filter((name) => sources(name).some((file) => importsOf(file).includes("node:child_process")));
    expect(users).toEqual([]);
  });
});
