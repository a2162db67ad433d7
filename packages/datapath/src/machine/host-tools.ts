import { execFile } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { HoldfastError } from "@holdfast/core";

/** What a driver asks of its machine beside links and switch: few, batched calls, none of them to wire an endpoint. */
export interface HostTools {
  /** Runs a script for nft(8) as one transaction; gives what it printed. @throws HoldfastError `unavailable`: this machine has no such program. */
  nft(script: string, signal: AbortSignal): Promise<string>;
  /** Runs `iptables` or `ip6tables` (8); undefined when this machine has no such program. */
  iptables(family: "v4" | "v6", args: readonly string[], signal: AbortSignal): Promise<{ ok: boolean } | undefined>;
  /**
   * Writes a kernel setting, e.g. `"net.ipv4.ip_forward"`, unless it is so already; one of something `new`, which nobody has set yet, without a look.
   * That on another thread while others wait for this one: the kernel has its writer turn round and round while others hold the lock for links.
   */
  setSysctl(name: string, value: string, age?: "new"): Promise<void>;
}

/** The tools of this machine, or of one of its network namespaces when a path is given. `isBusy`: whether others wait for this thread. */
export function createHostTools(namespace?: string, isBusy: () => boolean = () => false): HostTools {
  const run = (program: string, args: readonly string[], input?: string, signal?: AbortSignal): Promise<Outcome> =>
    namespace === undefined
      ? execute(program, args, input, signal)
      : execute("nsenter", [`--net=${namespace}`, "--", program, ...args], input, signal);
  return {
    async nft(script, signal) {
      const { code, stdout, stderr } = await run("nft", ["-f", "-"], script, signal);
      if (code === NO_PROGRAM) {
        throw new HoldfastError("unavailable", "this machine has no nft(8), which sets its rules; install nftables");
      }
      if (code !== 0) throw new HoldfastError("kernel_rejected", `nft refused the rules: ${stderr.trim()}`);
      return stdout;
    },
    async iptables(family, args, signal) {
      const { code } = await run(family === "v4" ? "iptables" : "ip6tables", ["-w", ...args], undefined, signal);
      return code === NO_PROGRAM ? undefined : { ok: code === 0 };
    },
    async setSysctl(name, value, age) {
      const path = `/proc/sys/${name.replaceAll(".", "/")}`;
      if (namespace !== undefined) {
        const script = `[ "$(cat ${path})" = ${value} ] || echo ${value} > ${path}`;
        const { code, stderr } = await run("sh", ["-c", script]);
        if (code !== 0) throw new HoldfastError("kernel_rejected", `cannot set ${name} to ${value}: ${stderr.trim()}`);
        return;
      }
      if (age === "new" && isBusy()) return await writeFile(path, value);
      // No disk is behind it: the eight turns that reading and writing take on other threads cost an attachment half a millisecond.
      if (age === "new" || readFileSync(path, "utf8").trim() !== value) writeFileSync(path, value);
    },
  };
}

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** As a shell says it. */
const NO_PROGRAM = 127;

function execute(program: string, args: readonly string[], input?: string, signal?: AbortSignal): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const options = { encoding: "utf8", maxBuffer: 2 ** 26, ...(signal === undefined ? {} : { signal }) } as const;
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) return resolve({ code: 0, stdout, stderr });
      if (error.code === "ENOENT") return resolve({ code: NO_PROGRAM, stdout, stderr });
      if (signal?.aborted === true) return reject(signal.reason);
      resolve({ code: typeof error.code === "number" ? error.code : 1, stdout, stderr: stderr || error.message });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
