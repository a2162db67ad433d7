import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

/** Debian's redis-tools has the server under this name; with its own package a service of the machine would begin to run. */
const PROGRAM = "/usr/bin/redis-check-rdb";

/**
 * A Redis of one test or benchmark alone, on a port of loopback, which writes to its log what it takes, as operators are told to have it (`appendonly
 * yes`), and can be killed and started again. It ends with this process, also when this one is killed.
 */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  /** At once, in the middle of whatever it does. */
  kill(): Promise<void>;
}

/**
 * @param folder that it may use; what it writes is in its `redis`, which is made where it is missing
 * @param more options of redis-server(1), e.g. `"--appendfsync", "always"`
 */
export function createRedisServer(folder: string, port: number, ...more: readonly string[]): RedisServer {
  const data = join(folder, "redis");
  mkdirSync(data, { recursive: true });
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, "--save", ""];
  const options = [...own, "--appendonly", "yes", ...more];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const call = ["--pdeathsig", "KILL", "bash", "-c", `exec -a redis-server ${PROGRAM} "$@"`, "bash", ...options];
    const started = spawn("setpriv", call, { stdio: ["ignore", "pipe", "inherit"] });
    child = started;
    await ready(started.stdout);
    // What it says from now on is thrown away, and must not fill the pipe.
    started.stdout.resume();
  }

  async function kill(): Promise<void> {
    const ending = child;
    child = undefined;
    if (ending === undefined) return;
    const ended = once(ending, "close");
    ending.kill("SIGKILL");
    await ended;
  }

  return { url: `redis://127.0.0.1:${port}`, start, kill, [Symbol.asyncDispose]: kill };
}

async function ready(output: Readable): Promise<void> {
  const log: string[] = [];
  for await (const line of createInterface(output)) {
    if (line.includes("Ready to accept connections")) return;
    log.push(line);
  }
  throw new Error(`redis-server has ended:\n${log.join("\n")}`);
}
