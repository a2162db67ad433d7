import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface, type Interface } from "node:readline";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("traffic-program.ts", import.meta.url));

/** A traffic program inside a namespace; dies with this process. */
export class Traffic implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;

  private constructor(child: ChildProcess, reader: Interface) {
    this.#child = child;
    this.#reader = reader;
    this.#lines = reader[Symbol.asyncIterator]();
  }

  static start(path: string, mode: string, ...args: readonly (string | number)[]): Traffic {
    const command = [`--net=${path}`, "--", "setpriv", "--pdeathsig", "KILL", process.execPath, PROGRAM, mode];
    const child = spawn("nsenter", [...command, ...args.map(String)], { stdio: ["pipe", "pipe", "inherit"] });
    return new Traffic(child, createInterface({ input: child.stdout }));
  }

  /** The program's next line. */
  async next<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new TypeError("the traffic program has ended without an answer");
    return JSON.parse(value) as T;
  }

  /** Ends its input, which means: stop and report. */
  async finish<T>(): Promise<T> {
    this.#child.stdin?.end();
    return this.next<T>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#reader.close();
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }
}

export interface ProbeReport {
  readonly sent: number;
  readonly lost: number;
  readonly longestGapMs: number;
}

/** UDP from one namespace to another and back, 1000 a second. */
export class Probe implements AsyncDisposable {
  readonly #echo: Traffic;
  readonly #probe: Traffic;

  private constructor(echo: Traffic, probe: Traffic) {
    this.#echo = echo;
    this.#probe = probe;
  }

  /** Resolves at the first answer. Who answers may listen at another port than the one that is asked. */
  static async start(
    from: string,
    to: { path: string; address: string },
    port = 7000,
    listening = port,
  ): Promise<Probe> {
    const echo = Traffic.start(to.path, "udp-echo", "-", listening);
    await echo.next();
    const probe = Traffic.start(from, "udp-probe", to.address, port, 1000);
    await probe.next();
    return new Probe(echo, probe);
  }

  finish(): Promise<ProbeReport> {
    return this.#probe.finish<ProbeReport>();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#probe[Symbol.asyncDispose]();
    await this.#echo[Symbol.asyncDispose]();
  }
}

export interface Transfer {
  readonly bytes: number;
  /** Whether all arrived as it was. */
  readonly right: boolean;
}

/** Sends a payload over TCP. */
export async function tcpTransfer(
  from: string,
  to: { path: string; address: string },
  bytes: number,
): Promise<Transfer> {
  await using server = Traffic.start(to.path, "tcp-serve", to.address, 7100);
  await server.next();
  await using client = Traffic.start(from, "tcp-send", to.address, 7100, bytes);
  return await client.next();
}
