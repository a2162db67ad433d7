import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const PROGRAM = resolve(import.meta.dirname, "../../../bin/holdfast");

/** A controller as a program of its own, on a file of its own, that can be killed and started again. */
export class ControllerProcess implements AsyncDisposable {
  readonly base: string;
  readonly data: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "holdfast-kill-"));
  readonly #port: number;
  #child: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
    this.base = `http://127.0.0.1:${port}`;
    this.data = join(this.#folder, "controller.db");
  }

  static async create(): Promise<ControllerProcess> {
    return new ControllerProcess(await freePort());
  }

  /** Resolves when it answers requests. */
  async start(more: readonly string[] = []): Promise<void> {
    const flags = ["--listen", `127.0.0.1:${this.#port}`, "--data", this.data, "--log-level", "error", ...more];
    const child = spawn(PROGRAM, ["controller", ...flags], {
      stdio: ["ignore", "ignore", "inherit", "pipe"],
      env: { ...process.env, HOLDFAST_READY_FD: "3" },
    });
    this.#child = child;
    const ready = child.stdio[3];
    if (ready === null || ready === undefined) throw new TypeError("the process has no third descriptor");
    const ended = once(child, "exit").then(([code]) => {
      throw new Error(`the controller has ended with ${code} instead of getting ready`);
    });
    ended.catch(() => undefined);
    await Promise.race([once(ready, "data"), ended]);
  }

  /** Memory that it has resident, in MiB. */
  get residentMib(): number {
    const status = readFileSync(`/proc/${this.#child?.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  /** At once, in the middle of whatever it does. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined) return;
    const ended = once(child, "close");
    child.kill("SIGKILL");
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return address.port;
}
