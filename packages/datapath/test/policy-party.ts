import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Attempt, Party, StandingConnection } from "../src/testing/policy-compliance.ts";

const PROGRAM = fileURLToPath(new URL("policy-party-program.ts", import.meta.url));

/** A sandbox that answers on ports 7080 to 7083, 7090 and 7091, and tries to reach others; at most `patience` milliseconds long. */
export class SandboxParty implements Party, AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (passed: boolean) => void>();
  #last = 0;

  readonly #path: string;

  private constructor(child: ChildProcess, path: string) {
    this.#child = child;
    this.#path = path;
  }

  static async start(path: string, patience = 400): Promise<SandboxParty> {
    const own = 'echo 0 0 > /proc/sys/net/ipv4/ping_group_range; exec setpriv --pdeathsig KILL "$@"';
    const command = [`--net=${path}`, "--", "sh", "-c", own, "sh", process.execPath, PROGRAM];
    const child = spawn("nsenter", [...command, String(patience)], { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout });
    const party = new SandboxParty(child, path);
    await once(lines, "line");
    lines.on("line", (line) => party.#answer(line));
    return party;
  }

  reaches({ protocol, ...attempt }: Attempt): Promise<boolean> {
    return this.#ask({ kind: protocol, ...attempt }).passed;
  }

  isRefused(to: string, port: number): Promise<boolean> {
    return this.#ask({ kind: "refused", to, port }).passed;
  }

  async connect(to: string, port: number): Promise<StandingConnection> {
    const { id, passed } = this.#ask({ kind: "connect", to, port });
    if (!(await passed)) throw new TypeError(`no connection to ${to} port ${port}`);
    const ask = (kind: "ask" | "hear") => this.#ask({ kind, to, connection: id }).passed;
    return { isAnswered: () => ask("ask"), hears: () => ask("hear") };
  }

  async echo(to: string): Promise<Pick<StandingConnection, "isAnswered">> {
    const { id, passed } = this.#ask({ kind: "echo", to });
    await passed;
    return { isAnswered: () => this.#ask({ kind: "again", to, connection: id }).passed };
  }

  async speak(port: number): Promise<void> {
    await this.#ask({ kind: "speak", to: "", port }).passed;
  }

  /** Echoes whose type is written over on their way out. */
  async tells(to: string, icmpType: number): Promise<void> {
    const chain = `chain out { type filter hook output priority 0; icmpv6 type echo-request icmpv6 type set ${icmpType}; }`;
    await this.#exec("nft", `table ip6 tells { ${chain}; }`);
    await this.#exec("ping", "-n", "-q", "-c", "2", "-i", "0.01", "-W", "0.2", to).catch(() => undefined);
    await this.#exec("nft", "delete table ip6 tells");
  }

  async listens(icmpType: number): Promise<() => Promise<number>> {
    const name = `heard-${icmpType}`;
    const chain = `chain in { type filter hook prerouting priority raw; icmpv6 type ${icmpType} ip6 hoplimit 2-254 counter name ${name}; }`;
    await this.#exec("nft", `table ip6 ${name} { counter ${name} { }; ${chain}; }`);
    return async () => Number(/packets (\d+)/.exec(await this.#exec("nft", `list counter ip6 ${name} ${name}`))?.[1]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  async #exec(...words: string[]): Promise<string> {
    return (await promisify(execFile)("nsenter", [`--net=${this.#path}`, "--", ...words])).stdout;
  }

  #ask(task: object): { id: number; passed: Promise<boolean> } {
    const id = ++this.#last;
    const passed = new Promise<boolean>((resolve) => this.#waiting.set(id, resolve));
    this.#child.stdin?.write(`${JSON.stringify({ id, ...task })}\n`);
    return { id, passed };
  }

  #answer(line: string): void {
    const { id, passed } = JSON.parse(line) as { id: number; passed: boolean };
    this.#waiting.get(id)?.(passed);
    this.#waiting.delete(id);
  }
}
