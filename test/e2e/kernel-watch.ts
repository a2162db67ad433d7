import { readFile } from "node:fs/promises";
import type { LabHost } from "@holdfast/lab";

/** Watches a host's kernel from outside; disposing ends it. */
export interface KernelWatch extends AsyncDisposable {
  /** What has changed of links, addresses, routes and neighbours of ours, as `ip monitor` prints it. */
  changes(): Promise<readonly string[]>;
}

/** Of the driver that routes: its links, routes and gateway. */
const OURS = /\bhfr\d+\b|proto 253|169\.254\.1\.1/;

/** The kernel's own: a link's address of its MAC, which is in use when nobody has answered for a while. */
const KERNELS = /fe80::[0-9a-f]+:[0-9a-f]+ff:fe[0-9a-f]+:/;

let watches = 0;

export async function watchKernel(host: LabHost, signal: AbortSignal): Promise<KernelWatch> {
  watches += 1;
  const name = `kernel-watch-${watches}`;
  const script = "echo watching; exec stdbuf -oL ip -o monitor link address route neigh";
  const ready = { kind: "line", pattern: /watching/ } as const;
  const { log } = await host.spawn(["sh", "-c", script], { name, ready, signal });
  return {
    changes: async () =>
      (await readFile(log, "utf8")).split("\n").filter((line) => OURS.test(line) && !KERNELS.test(line)),
    [Symbol.asyncDispose]: async () => await host.stop(name, AbortSignal.timeout(10_000)),
  };
}
