import { IMAGE, type LabHost } from "@holdfast/lab";
import { percentile, timed } from "./statistics.ts";

/** p50 in milliseconds by network. */
export type RunFigures<Network extends string> = Readonly<Record<Network, number>>;

/** `docker run --rm` of a container that does nothing on each of the networks, in turn. */
export async function measureRuns<const Network extends string>(
  host: LabHost,
  networks: readonly Network[],
  runs: number,
  signal: AbortSignal,
): Promise<RunFigures<Network>> {
  const run = (network: string) => host.docker(["run", "--rm", "--network", network, IMAGE, "true"], { signal });
  const samples = new Map(networks.map((network) => [network, [] as number[]]));
  for (let turn = -3; turn < runs; turn++) {
    for (const [network, times] of samples) {
      const milliseconds = await timed(() => run(network));
      if (turn >= 0) times.push(milliseconds);
    }
  }
  return Object.fromEntries(
    [...samples].map(([network, times]) => [network, percentile(times, 0.5)]),
  ) as RunFigures<Network>;
}
