import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Sandbox } from "../fabric.ts";

const PROGRAM = fileURLToPath(new URL("prober-program.ts", import.meta.url));

export interface Probe {
  readonly protocol: "tcp" | "udp" | "icmp";
  readonly to: string;
  /** The name of who is meant: another tenant may have the address, too. */
  readonly who: string;
  /** 0 of ICMP. */
  readonly port: number;
}

export interface Round {
  readonly probes: readonly Probe[];
  /** Milliseconds after which nobody is waited for. */
  readonly patience: number;
}

/** A sandbox with a name that answers on TCP and UDP ports 7080 and 7081 and ICMP, and tries many others at once. */
export class Prober implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess, lines: AsyncIterator<string>) {
    this.#child = child;
    this.#lines = lines;
  }

  static async start(sandbox: Sandbox, name: string): Promise<Prober> {
    await sandbox.exec("sh", "-c", "echo 0 0 > /proc/sys/net/ipv4/ping_group_range");
    const command = [`--net=${sandbox.path}`, "--", "setpriv", "--pdeathsig", "KILL", process.execPath, PROGRAM, name];
    const child = spawn("nsenter", command, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    return new Prober(child, lines);
  }

  /** Of each probe whether an answer has come, of who was meant. One round at a time. */
  async round(round: Round): Promise<readonly boolean[]> {
    this.#child.stdin?.write(`${JSON.stringify(round)}\n`);
    const { value = "" } = await this.#lines.next();
    if (value.length !== round.probes.length) throw new TypeError("the prober has ended");
    return [...value].map((digit) => digit === "1");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}
