import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TarWriter } from "./tar.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "holdfast-lab-tar-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe("a written archive", () => {
  test("is read by tar as it was meant", () => {
    const archive = new TarWriter()
      .folder("bin")
      .folder("tmp", 0o1777)
      .file("bin/tool", Buffer.from("tool\n"), 0o755)
      .file("block", Buffer.alloc(512, "b"))
      .file("empty", Buffer.alloc(0))
      .symlink("bin/alias", "tool")
      .end();
    const path = join(folder, "a.tar");
    writeFileSync(path, archive);
    const listed = execFileSync("tar", ["-tvf", path, "--utc", "--full-time"], { encoding: "utf8" });
    expect(listed.replaceAll(/ +/g, " ")).toBe(`drwxr-xr-x 0/0 0 1970-01-01 00:00:00 bin/
drwxrwxrwt 0/0 0 1970-01-01 00:00:00 tmp/
-rwxr-xr-x 0/0 5 1970-01-01 00:00:00 bin/tool
-rw-r--r-- 0/0 512 1970-01-01 00:00:00 block
-rw-r--r-- 0/0 0 1970-01-01 00:00:00 empty
lrwxrwxrwx 0/0 0 1970-01-01 00:00:00 bin/alias -> tool
`);
    expect(execFileSync("tar", ["-xOf", path, "bin/tool"], { encoding: "utf8" })).toBe("tool\n");
    expect(archive.length % 512).toBe(0);
  });
});
