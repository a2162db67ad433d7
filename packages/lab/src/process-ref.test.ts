import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { isAlive, processRef, sendSignal } from "./process-ref.ts";

describe("a process reference", () => {
  test("is alive as long as the process is", async () => {
    const child = spawn("sleep", ["100"]);
    await once(child, "spawn");
    const ref = processRef(child.pid ?? 0);
    expect(ref).toEqual({ pid: child.pid, startTime: expect.stringMatching(/^\d+$/) });
    if (ref === undefined) return;
    expect(isAlive(ref)).toBe(true);
    expect(sendSignal(ref, "SIGKILL")).toBe(true);
    await once(child, "exit");
    expect(isAlive(ref)).toBe(false);
    expect(sendSignal(ref, "SIGKILL")).toBe(false);
  });

  test("does not take a later process with the same pid for the same", () => {
    const self = processRef(process.pid);
    expect(self && isAlive(self)).toBe(true);
    const earlier = { pid: process.pid, startTime: "1" };
    expect(isAlive(earlier)).toBe(false);
    // Were it sent, it would end this test.
    expect(sendSignal(earlier, "SIGKILL")).toBe(false);
  });

  test("reads past a command name with spaces and parentheses", async () => {
    const script = `process.title = "x) Z 1 (y"; console.log("named"); setInterval(() => {}, 1000)`;
    const child = spawn(process.execPath, ["-e", script]);
    await once(child.stdout, "data");
    const ref = processRef(child.pid ?? 0);
    expect(ref?.startTime).toMatch(/^\d{3,}$/);
    child.kill("SIGKILL");
    await once(child, "exit");
  });

  test("counts a zombie as gone", async () => {
    // The shell becomes a sleep, which never waits for the child that the shell had.
    const parent = spawn("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 100"]);
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const child = Number(line);
    expect(processRef(child)).toBeDefined();
    await expect.poll(() => processRef(child)).toBeUndefined();
    expect(() => process.kill(child, 0)).not.toThrow();
    parent.kill("SIGKILL");
    await once(parent, "exit");
  });
});
