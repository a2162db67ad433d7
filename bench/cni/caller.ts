import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { LabHost } from "@holdfast/lab";

/** A plugin and its configuration. */
export interface BenchPlugin {
  /** Begins the names of its containers, e.g. `"bridge"`. */
  readonly name: string;
  readonly program: string;
  readonly config: object;
}

export interface Calls {
  /** Number of the first container; default 0. */
  readonly first?: number;
  readonly count: number;
  /** Default 1. */
  readonly atOnce?: number;
}

export interface Durations {
  /** Of each call. */
  readonly milliseconds: readonly number[];
  /** Of all together. */
  readonly seconds: number;
}

/** Calls plugins on a lab host, with a program that does nothing else. */
export interface Caller {
  /** Makes the network namespaces of containers 0 to COUNT - 1. */
  makeContainers(plugin: BenchPlugin, count: number): Promise<void>;
  call(plugin: BenchPlugin, command: "ADD" | "DEL", calls: Calls): Promise<Durations>;
}

export async function createCaller(host: LabHost, folder: string, signal: AbortSignal): Promise<Caller> {
  const program = join(folder, "caller");
  await promisify(execFile)("gcc", ["-O2", "-Wall", "-o", program, join(import.meta.dirname, "caller.c")]);
  const runFolder = host.path("/run");
  return {
    async makeContainers({ name }, count) {
      const script = `for i in $(seq 0 ${count - 1}); do echo "netns add ${name}-$i"; done | ip -batch -`;
      await host.exec(["sh", "-c", script], { signal });
    },
    async call({ name, program: plugin, config }, command, { first = 0, count, atOnce = 1 }) {
      await writeFile(join(runFolder, `${name}.json`), JSON.stringify(config));
      const numbers = [first, count, atOnce].map(String);
      const words = [program, plugin, command, name, ...numbers, `/run/${name}.json`];
      const { code, stdout, stderr } = await host.tryExec(words, { signal });
      if (code !== 0) {
        throw new TypeError(`${command} of ${name} failed after ${stdout.split("\n").length} calls: ${stderr}`);
      }
      const each = stdout.trim().split("\n").map(Number);
      const whole = each.pop() ?? Number.NaN;
      return { milliseconds: each.map((nanoseconds) => nanoseconds / 1e6), seconds: whole / 1e9 };
    },
  };
}
