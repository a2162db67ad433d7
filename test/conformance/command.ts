import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";

/** What a program left behind. */
export interface Outcome {
  /** Exit code; -1 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  /** All of the program's environment but `PATH`. */
  readonly env?: Readonly<Record<string, string>>;
  /** Standard input; absent: empty. */
  readonly input?: string;
  /** Milliseconds after which it is killed; default 30,000: no call of a plugin may take that long. */
  readonly limit?: number;
}

const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a program to its end, whatever its exit code. @throws Error when it cannot be started. */
export async function tryRun(words: readonly string[], options: RunOptions = {}): Promise<Outcome> {
  const { env = {}, input = "", limit = 30_000 } = options;
  const [program = "", ...rest] = words;
  const child = spawn(program, rest, { env: { PATH, ...env }, timeout: limit, killSignal: "SIGKILL" });
  // A program may end before it has read everything.
  child.stdin.on("error", () => undefined);
  child.stdin.end(input);
  const [[code], stdout, stderr] = await Promise.all([once(child, "close"), text(child.stdout), text(child.stderr)]);
  return { code: (code as number | null) ?? -1, stdout, stderr };
}

/** Like {@link tryRun}; gives standard output. @throws Error for another exit code than 0. */
export async function run(words: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryRun(words);
  if (code !== 0) throw new Error(`${words.join(" ")}: exit code ${code}: ${stderr.trim()}`);
  return stdout;
}

/** Rows that a program prints as JSON; what prints nothing has none. */
export async function rowsOf<T>(words: readonly string[]): Promise<readonly T[]> {
  const printed = (await run(words)).trim();
  return printed === "" ? [] : (JSON.parse(printed) as T[]);
}
