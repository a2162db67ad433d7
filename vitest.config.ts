import { defineConfig } from "vitest/config";

/**
 * Three tiers, told apart by where a test lies:
 *
 * - `unit`: beside the source, no privileges, in parallel;
 * - `system`: `packages/NAME/test`, needs root and real components (kernel, Open vSwitch), one file at a time;
 * - `e2e`: `test/e2e`, whole lab hosts with dockerd, one file at a time.
 */
export default defineConfig({
  test: {
    pool: "forks",
    projects: [
      {
        extends: true,
        test: {
          name: "unit",
          include: ["packages/*/src/**/*.test.ts", "test/*.test.ts", "test/{conformance,simulation}/**/*.test.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "system",
          include: ["packages/*/test/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 30_000,
          hookTimeout: 30_000,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          fileParallelism: false,
          testTimeout: 180_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
