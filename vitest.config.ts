import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/longest-first.ts";

/**
 * Tiers, told apart by where a test lies:
 *
 * - `unit`: beside the source, no privileges, in parallel;
 * - `system`: `packages/NAME/test`, needs root and real components (kernel, Open vSwitch, Redis), two files at a time;
 * - `datapath`: of the data paths what is on Open vSwitch or measures time, one file at a time: a switch in user space that waits for a processor
 *   delays and loses packets;
 * - `e2e`: `test/e2e`, whole lab hosts with dockerd, two files at a time: labs have nothing in common but the processors;
 * - `e2e-alone`: of those what measures time, streams without loss or takes all processors, one file at a time.
 */
const DATAPATH = [
  "packages/datapath/test/*.test.ts",
  "packages/datapath/test/uml/*.test.ts",
  "packages/datapath/test/kernel/{bypass,guarantee,guarantee-beside-rate,qos,traffic}.test.ts",
];
const E2E_ALONE =
  "test/e2e/{agent-restart,cni-storm,controller-outage,flow-estimates,qos,routed,routed-beside,runtimes-demo}.test.ts";
const SYSTEM_LIMITS = { testTimeout: 30_000, hookTimeout: 30_000 };
const E2E_LIMITS = { testTimeout: 180_000, hookTimeout: 180_000 };

export default defineConfig({
  test: {
    pool: "forks",
    sequence: { sequencer: LongestFirst },
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
          exclude: DATAPATH,
          maxWorkers: 2,
          ...SYSTEM_LIMITS,
        },
      },
      {
        extends: true,
        test: {
          name: "datapath",
          include: DATAPATH,
          fileParallelism: false,
          ...SYSTEM_LIMITS,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e",
          include: ["test/e2e/**/*.test.ts"],
          exclude: [E2E_ALONE],
          maxWorkers: 2,
          ...E2E_LIMITS,
        },
      },
      {
        extends: true,
        test: {
          name: "e2e-alone",
          include: [E2E_ALONE],
          fileParallelism: false,
          ...E2E_LIMITS,
        },
      },
    ],
  },
});
