import { IMAGE, type LabHost } from "@holdfast/lab";
import { percentile, timed } from "./statistics.ts";

export interface RunFigures {
  readonly ours: number;
  readonly bridge: number;
}

/** `docker run --rm` of a container that does nothing, on a Holdfast network and on Docker's own bridge, in turn; p50 in milliseconds. */
export async function measureRuns(
  host: LabHost,
  network: string,
  runs: number,
  signal: AbortSignal,
): Promise<RunFigures> {
  const run = (name: string) => timed(() => host.docker(["run", "--rm", "--network", name, IMAGE, "true"], { signal }));
  const samples: Record<"ours" | "bridge", number[]> = { ours: [], bridge: [] };
  for (let warmup = 0; warmup < 3; warmup++) {
    await run("bridge");
    await run(network);
  }
  for (let turn = 0; turn < runs; turn++) {
    samples.bridge.push(await run("bridge"));
    samples.ours.push(await run(network));
  }
  return { ours: percentile(samples.ours, 0.5), bridge: percentile(samples.bridge, 0.5) };
}
