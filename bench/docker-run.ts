import { IMAGE, type LabHost } from "@holdfast/lab";
import { percentile, timed } from "./statistics.ts";

export interface RunFigures<Network extends string> {
  /** p50 in milliseconds by network. */
  readonly p50: Readonly<Record<Network, number>>;
  /** p50 of what a run on the first network took against the run on this one of the same turn: a machine that slows down slows both. */
  readonly ratio: Readonly<Record<Network, number>>;
}

/** `docker run --rm` of a container that does nothing on each of the networks, in turn; the first is the one in question. */
export async function measureRuns<const Network extends string>(
  host: LabHost,
  networks: readonly [Network, ...Network[]],
  runs: number,
  signal: AbortSignal,
): Promise<RunFigures<Network>> {
  const run = (network: string) => host.docker(["run", "--rm", "--network", network, IMAGE, "true"], { signal });
  const turns: Record<string, number>[] = [];
  for (let turn = -3; turn < runs; turn++) {
    const times: Record<string, number> = {};
    // Each goes first as often as the others: what one leaves to be done later falls into the next.
    const first = (turn + networks.length) % networks.length;
    for (const network of [...networks.slice(first), ...networks.slice(0, first)]) {
      times[network] = await timed(() => run(network));
    }
    if (turn >= 0) turns.push(times);
  }
  const figure = (of: (times: Record<string, number>, network: Network) => number) =>
    Object.fromEntries(
      networks.map((network) => [
        network,
        percentile(
          turns.map((times) => of(times, network)),
          0.5,
        ),
      ]),
    ) as Record<Network, number>;
  const at = (times: Record<string, number>, network: Network): number => times[network] ?? Number.NaN;
  return { p50: figure(at), ratio: figure((times, network) => at(times, networks[0]) / at(times, network)) };
}
