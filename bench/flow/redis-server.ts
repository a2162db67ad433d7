import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { startChild } from "../ipam/child.ts";

/** A Redis on a port of loopback, which writes down what it takes, as operators are told to have it (`appendonly yes`). */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
}

/** Debian's redis-tools has the server under this name; with its own package a service of the machine would begin to run. */
const PROGRAM = "/usr/bin/redis-check-rdb";

/** Resolves when it takes connections. @param folder for what it writes down */
export async function startRedisServer(folder: string, port: number): Promise<RedisServer> {
  const data = join(folder, "redis");
  mkdirSync(data);
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, "--save", "", "--appendonly", "yes"];
  const child = startChild(["bash", "-c", `exec -a redis-server ${PROGRAM} "$@"`, "bash", ...own]);
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const server: RedisServer = {
    url: `redis://127.0.0.1:${port}`,
    pid: child.pid ?? 0,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
    },
  };
  let isReady = false;
  if (child.stdout === null) throw new TypeError("the process has no stdout");
  for await (const line of createInterface(child.stdout)) {
    if (line.includes("Ready to accept connections")) {
      isReady = true;
      break;
    }
  }
  if (!isReady) throw new TypeError("redis-server has ended instead of taking connections");
  // What it says from now on is thrown away, and must not fill the pipe.
  child.stdout.resume();
  return server;
}
