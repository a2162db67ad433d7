import { describe, expect, test } from "vitest";
import { machineSandboxes } from "./sandbox.ts";

describe("sandboxes of the machine", () => {
  test("a process's own namespace exists and is inhabited", async () => {
    expect(await machineSandboxes.exists("/proc/self/ns/net")).toBe(true);
    expect(await machineSandboxes.isInhabited("/proc/self/ns/net")).toBe(true);
  });

  test.each(["/nowhere/netns/x", "/etc/passwd", "/etc/passwd/x"])("%s is none", async (path) => {
    expect(await machineSandboxes.exists(path)).toBe(false);
    expect(await machineSandboxes.isInhabited(path)).toBe(false);
  });
});
