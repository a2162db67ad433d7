import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { constants, existsSync, readlinkSync } from "node:fs";
import { open, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";

import { describe, expect, test } from "vitest";

import { createNamespace, deleteNamespace, withNamespace } from "../src/namespaces.ts";
import { sweepTestNamespaces, withTestNamespaces } from "../src/testing/test-namespaces.ts";

/** asm-generic/fcntl.h */
const O_TMPFILE = 0o20200000;

const ownNamespace = () => readlinkSync("/proc/thread-self/ns/net");

describe("network namespaces", () => {
  test("are made, entered by a child, and removed", async () => {
    const before = ownNamespace();
    const path = await withTestNamespaces(1, async ([{ name, path }]) => {
      const output = withNamespace(path, () => execFileSync("ip", ["-o", "link"], { encoding: "utf8" }));
      expect(output).toMatch(/^1: lo: <LOOPBACK>/);
      expect(output.trim().split("\n")).toHaveLength(1);
      expect(execFileSync("ip", ["netns", "list"], { encoding: "utf8" })).toContain(name);
      return path;
    });
    expect(existsSync(path)).toBe(false);
    expect(ownNamespace()).toBe(before);
  });

  test("may be made and removed twice", async () => {
    await withTestNamespaces(1, async ([{ path }]) => {
      const first = withNamespace(path, ownNamespace);
      await createNamespace(path);
      expect(withNamespace(path, ownNamespace)).toBe(first);
      await deleteNamespace(path);
      await deleteNamespace(path);
    });
  });

  test("are left by the thread even when the function throws", async () => {
    const before = ownNamespace();
    await withTestNamespaces(1, async ([{ path }]) => {
      expect(() =>
        withNamespace(path, () => {
          throw new RangeError(ownNamespace());
        }),
      ).toThrow(RangeError);
      expect(ownNamespace()).toBe(before);
      expect(() => withNamespace(path, async () => {})).toThrow(/must be synchronous/);
    });
  });

  test("do not catch the threads of libuv", async () => {
    const before = ownNamespace();
    await withTestNamespaces(1, async () => {
      const threads = await readdir("/proc/self/task");
      const seen = threads.map((thread) => readlinkSync(`/proc/self/task/${thread}/ns/net`));
      expect(new Set(seen)).toEqual(new Set([before]));
    });
  });

  test("are told from other files", async () => {
    // A file without a name: gone with this process, however it ends.
    const handle = await open(tmpdir(), O_TMPFILE | constants.O_RDWR);
    const file = `/proc/self/fd/${handle.fd}`;
    await handle.write("text");
    try {
      expect(() => withNamespace(file, () => 0)).toThrow(/is not a network namespace/);
      expect(() => withNamespace("/proc/self/ns/mnt", () => 0)).toThrow(/is not a network namespace/);
      expect(() => withNamespace(`${file}/none`, () => 0)).toThrow(/there is no network namespace/);
      await expect(createNamespace(file)).rejects.toThrow(/choose another path/);
      await expect(deleteNamespace("/proc/self/ns/net")).rejects.toMatchObject({ errnoName: "EINVAL" });
      await expect(deleteNamespace(file)).rejects.toThrow(/choose another path/);
      expect((await handle.stat()).size).toBe(4);
    } finally {
      await handle.close();
    }
  });

  test("of a dead test run are swept, those of a live one are kept", async () => {
    const child = spawn("sleep", ["60"]);
    await once(child, "spawn");
    const path = `/run/netns/hft-${child.pid}-0`;
    try {
      await createNamespace(path);
      await sweepTestNamespaces();
      expect(existsSync(path)).toBe(true);
      child.kill("SIGKILL");
      await once(child, "exit");
      await sweepTestNamespaces();
      expect(existsSync(path)).toBe(false);
    } finally {
      child.kill("SIGKILL");
      await deleteNamespace(path);
    }
  });
});
