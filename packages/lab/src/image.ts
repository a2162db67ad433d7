import { readFile } from "node:fs/promises";
import { HoldfastError } from "@holdfast/core";
import { tryRun } from "./run.ts";
import { TarWriter } from "./tar.ts";

/** The image that every host has: busybox, with `ping`, `nc`, `httpd`, `arping`, `ip` and the like. */
export const IMAGE = "holdfast/busybox";

/** The statically linked busybox of Debian's package `busybox-static`. */
const BUSYBOX = "/bin/busybox";

/**
 * The root folder of the lab's container image as a tar archive, for `docker import`: busybox under all its names, and the files
 * that programs expect to be there.
 *
 * @throws HoldfastError `unavailable`: busybox is not installed.
 */
export async function createImageArchive(signal: AbortSignal): Promise<Buffer> {
  const [busybox, list] = await Promise.all([
    readFile(BUSYBOX).catch(() => undefined),
    tryRun([BUSYBOX, "--list"], { signal }),
  ]);
  if (busybox === undefined || list.code !== 0) {
    throw new HoldfastError("unavailable", `${BUSYBOX} is missing; run: apt-get install busybox-static`);
  }
  const tar = new TarWriter();
  for (const folder of ["bin", "dev", "etc", "proc", "root", "sys", "var", "www"]) tar.folder(folder);
  tar.folder("tmp", 0o1777);
  tar.file("bin/busybox", busybox, 0o755);
  for (const name of list.stdout.split("\n")) {
    if (name !== "" && name !== "busybox") tar.symlink(`bin/${name}`, "busybox");
  }
  for (const folder of ["sbin", "usr"]) tar.symlink(folder, folder === "usr" ? "." : "bin");
  tar.file("etc/passwd", Buffer.from("root:x:0:0:root:/root:/bin/sh\n"));
  tar.file("etc/group", Buffer.from("root:x:0:\n"));
  tar.file("www/index.html", Buffer.from("holdfast lab\n"));
  return tar.end();
}
