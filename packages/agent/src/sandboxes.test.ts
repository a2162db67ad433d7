import { expect, test } from "vitest";
import { isDead } from "./sandboxes.ts";

test.each([
  { state: "gone", runtime: "docker", dead: true },
  { state: "gone", runtime: "cni", dead: true },
  { state: "empty", runtime: "docker", dead: true },
  { state: "empty", runtime: "cni", dead: false },
  { state: "empty", runtime: "manual", dead: false },
  { state: "inhabited", runtime: "docker", dead: false },
  { state: "unknown", runtime: "docker", dead: false },
  { state: undefined, runtime: "docker", dead: false },
] as const)("a sandbox that is $state is dead for $runtime: $dead", ({ state, runtime, dead }) => {
  expect(isDead(state, runtime)).toBe(dead);
});
