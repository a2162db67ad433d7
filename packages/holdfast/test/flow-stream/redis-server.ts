import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../controller-process.ts";

/** Debian's redis-tools has the server under this name; with its own package a service of the machine would begin to run. */
const PROGRAM = "/usr/bin/redis-check-rdb";

/** A Redis of this test alone, which writes to its log what it takes (AOF, every second), and can be killed and started again. */
export interface RedisServer extends AsyncDisposable {
  readonly url: string;
  /** Resolves when it takes connections. */
  start(): Promise<void>;
  /** At once, in the middle of whatever it does. */
  kill(): Promise<void>;
}

/** @param folder that it may use; what it writes is in its `redis`, which is made where it is missing */
export async function createRedisServer(folder: string, ...more: readonly string[]): Promise<RedisServer> {
  const [port, data] = [await freePort(), join(folder, "redis")];
  mkdirSync(data, { recursive: true });
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", data, "--save", ""];
  const options = [...own, "--appendonly", "yes", ...more];
  let child: ChildProcess | undefined;

  async function start(): Promise<void> {
    const call = ["--pdeathsig", "KILL", "bash", "-c", `exec -a redis-server ${PROGRAM} "$@"`, "bash", ...options];
    const started = spawn("setpriv", call, { stdio: ["ignore", "pipe", "inherit"] });
    child = started;
    let log = "";
    await new Promise<void>((resolve, reject) => {
      started.stdout.on("data", (text: Buffer) => {
        log += text.toString();
        if (log.includes("Ready to accept connections")) resolve();
      });
      started.once("exit", () => reject(new Error(`redis-server has ended:\n${log}`)));
    });
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
