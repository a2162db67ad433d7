import { defineConfig } from "vitest/config";

/**
 * Tiers, told apart by where a test lies:
 *
 * - `unit`: beside the source, no privileges, in parallel;
 * - `system`: `packages/NAME/test`, needs root and real components (kernel, Open vSwitch, Redis), two files at a time;
 * - `datapath`: the same of the data paths, one file at a time: a switch in user space that waits for a processor delays and loses packets;
 * - `e2e`: `test/e2e`, whole lab hosts with dockerd, one file at a time.
 */
const DATAPATH = "packages/datapath/test/**/*.test.ts";
const SYSTEM_LIMITS = { testTimeout: 30_000, hookTimeout: 30_000 };

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
          exclude: [DATAPATH],
          maxWorkers: 2,
          ...SYSTEM_LIMITS,
        },
      },
      {
        extends: true,
        test: {
          name: "datapath",
          include: [DATAPATH],
          fileParallelism: false,
          ...SYSTEM_LIMITS,
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
