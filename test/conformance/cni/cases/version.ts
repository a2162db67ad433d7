import assert from "node:assert/strict";
import { Code, type ConformanceCase } from "../conformance-case.ts";
import { readJson, VERSIONS } from "../plugin.ts";

export const versionCases: readonly ConformanceCase[] = [
  {
    id: "version-without-input",
    title: "VERSION needs no input and no other variable",
    run: async ({ plugin }) => {
      const env = { CNI_PATH: undefined };
      const { supportedVersions } = readJson(await plugin.succeed("VERSION", { input: "", env }));
      assert.ok(Array.isArray(supportedVersions) && supportedVersions.length > 0, "there are no supportedVersions");
    },
  },
  {
    id: "version-of-input",
    title: "VERSION answers in the version of its input",
    run: async ({ plugin }) => {
      for (const cniVersion of ["0.4.0", "1.0.0"]) {
        const answer = readJson(await plugin.succeed("VERSION", { input: JSON.stringify({ cniVersion }) }));
        assert.equal(answer.cniVersion, cniVersion);
      }
    },
  },
  ...VERSIONS.map(
    (version): ConformanceCase => ({
      id: `version-${version}`,
      title: `version ${version} is among the supported ones`,
      run: async ({ plugin }) => {
        const { supportedVersions } = readJson(await plugin.succeed("VERSION"));
        assert.ok((supportedVersions as string[]).includes(version), `only ${String(supportedVersions)}`);
      },
    }),
  ),
  ...["0.0.1", "9.9.9", "one"].map(
    (version): ConformanceCase => ({
      id: `version-unknown-${version}`,
      title: `a configuration of version ${version} is refused with code 1`,
      run: async ({ plugin, container, withoutEffect }) => {
        const inside = await container();
        await withoutEffect(async () => {
          await plugin.failWith([Code.incompatibleVersion], "ADD", { container: inside, version });
        });
      },
    }),
  ),
];
