import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { endProcess } from "./background.ts";
import { markOf, writePidFile } from "./pid-file.ts";

let folder: string;
let pidFile: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "hf-end-"));
  pidFile = join(folder, "it.pid");
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

describe("ending a process", () => {
  test("does not wait for a parent that never hears of the end", async () => {
    // exec leaves the child to a program that does not know of it.
    const parent = spawn("sh", ["-c", "sleep 1000 & echo $!; exec sleep 1000"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [line] = (await once(parent.stdout, "data")) as [Buffer];
    const pid = Number(line.toString());
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, "utf8")).toBe("sleep\n");
    writePidFile(pidFile, pid);
    try {
      expect(await endProcess(pidFile, 60_000)).toBe(true);
      expect(markOf(pid)).toBeUndefined();
      expect(() => process.kill(pid, 0)).not.toThrow();
    } finally {
      parent.kill("SIGKILL");
    }
  });

  test("insists when it is not heard", async () => {
    const child = spawn("sh", ["-c", "trap '' TERM; echo ready; while :; do sleep 0.1; done"], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    await once(child.stdout, "data");
    writePidFile(pidFile, child.pid ?? 0);
    const exit = once(child, "exit");
    expect(await endProcess(pidFile, 200)).toBe(true);
    expect((await exit)[1]).toBe("SIGKILL");
    expect(await endProcess(pidFile, 200)).toBe(false);
  });
});
