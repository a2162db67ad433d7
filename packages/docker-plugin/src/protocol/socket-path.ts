import { lstat, mkdir, rm } from "node:fs/promises";
import { connect } from "node:net";
import { dirname } from "node:path";
import { HoldfastError } from "@holdfast/core";

/**
 * Makes room for a unix socket: its folder is made, and the file that a killed process has left is removed.
 *
 * @throws HoldfastError `in_use`: a process listens there, or the file is no socket.
 */
export async function claimSocketPath(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const found = await lstat(path).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isSocket()) {
    throw new HoldfastError("in_use", `${path} is a file that is no socket; remove it`);
  }
  if (await somebodyListens(path)) {
    throw new HoldfastError("in_use", `another process serves ${path}; stop the other holdfast agent first`);
  }
  await rm(path, { force: true });
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Refused: nobody listens. A full backlog (EAGAIN) is somebody.
    socket.once("error", (error) =>
      resolve(!("code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT"))),
    );
  });
}
