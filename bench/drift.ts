import { type Lab, type LabHost, runContainer, startUdpEcho, startUdpStream } from "@holdfast/lab";
import type { Engine } from "./engine.ts";

const PORT = 7007;
const HOME = "drifters-home";

/**
 * An address that moves between two hosts while a stream of 1,000 probes a second to it never stops. Both hosts have a container in which the
 * probe is answered; only the address moves: attached on the new host right after it was detached on the old one. Gives the longest time
 * without an answer of each move, in milliseconds.
 */
export async function measureDrift(
  lab: Lab,
  engines: readonly [Engine, Engine],
  target: { readonly network: string; readonly address: string; readonly moves: number },
  signal: AbortSignal,
): Promise<number[]> {
  const hosts = [lab.host(1), lab.host(2)] as const;
  await using stack = new AsyncDisposableStack();
  for (const host of hosts) stack.use(await answering(host, signal));
  const attach = (index: number) => {
    const config = { IPAMConfig: { IPv4Address: target.address } };
    return engines[index]?.post(`/networks/${target.network}/connect`, {
      Container: "drifter",
      EndpointConfig: config,
    });
  };
  const detach = (index: number) =>
    engines[index]?.post(`/networks/${target.network}/disconnect`, { Container: "drifter", Force: false });
  await attach(0);
  const gaps: number[] = [];
  for (let move = 0; move < target.moves; move++) {
    const [from, to] = [move % 2, (move + 1) % 2];
    const stream = await startUdpStream({ space: lab.router }, { address: target.address, port: PORT }, signal);
    await detach(from);
    await attach(to);
    await settled(signal);
    gaps.push((await stream.gap(signal)).longestGapMs);
    await stream[Symbol.asyncDispose]();
  }
  await detach(target.moves % 2);
  return gaps;
}

async function answering(host: LabHost, signal: AbortSignal): Promise<AsyncDisposable> {
  // On a network that somebody made, Docker has set up its DNS server in the container before: that is no part of a move.
  await host.docker(["network", "create", HOME], { signal });
  await runContainer(host, { name: "drifter", network: HOME }, signal);
  const inside = await host.containerPid("drifter", signal);
  return await startUdpEcho({ space: host, inside }, PORT, signal);
}

/** The window in which late answers count: half a second of probes after the move. */
async function settled(signal: AbortSignal): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, 500);
    signal.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        reject(signal.reason);
      },
      { once: true },
    );
  });
}
