import { type ChildProcess, spawn } from "node:child_process";

/**
 * A process that ends with this one, also when this one is killed (prctl(2), PR_SET_PDEATHSIG). stdout is a pipe, stderr goes where ours goes.
 *
 * @param input what it reads from stdin; absent: nothing
 */
export function startChild(argv: readonly string[], input?: string): ChildProcess {
  const child = spawn("setpriv", ["--pdeathsig", "KILL", "--", ...argv], { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin?.end(input ?? "");
  return child;
}

/** What the process prints, once it has ended with success. @throws TypeError with its exit code otherwise. */
export async function outputOf(child: ChildProcess): Promise<string> {
  let text = "";
  child.stdout?.setEncoding("utf8").on("data", (piece: string) => {
    text += piece;
  });
  const code = await new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  if (code !== 0) throw new TypeError(`${child.spawnargs.slice(4).join(" ")} ended with ${String(code)}`);
  return text;
}
