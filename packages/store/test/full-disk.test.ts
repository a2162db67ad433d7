import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { scratchFolder } from "../src/testing/scratch-folder.ts";

let scratch: ReturnType<typeof scratchFolder>;
beforeEach(() => {
  scratch = scratchFolder();
});
afterEach(() => scratch.remove());

describe("a disk that is full", () => {
  test("refuses commits with the reason, keeps what was acknowledged, and goes on once there is room", async () => {
    // The disk exists in the child's mount namespace only and vanishes with it.
    const script = 'mount -t tmpfs -o size=4m holdfast-store "$1" && exec "$2" "$3" "$1"';
    const { stdout } = await promisify(execFile)("unshare", [
      ...["--mount", "--propagation", "private", "sh", "-c", script, "sh"],
      ...[scratch.path, process.execPath, join(import.meta.dirname, "filling-process.ts")],
    ]);
    const { acknowledged, refusal, readable, reopened } = JSON.parse(stdout);
    expect(refusal).toBe(`cannot write ${join(scratch.path, "store.db")}: no space left; free some`);
    expect(acknowledged).toBeGreaterThan(10);
    expect([readable, reopened]).toEqual([acknowledged, acknowledged + 1]);
  });
});
