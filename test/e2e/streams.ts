import {
  ANSWER_TIME,
  type GapReport,
  type GuestPlace,
  type LabHost,
  type ProbeStream,
  startUdpEcho,
  startUdpStream,
} from "@holdfast/lab";
import { repeated } from "./machine.ts";

const PORT = 7007;

/** Where a container's network is. */
export async function insideOf(host: LabHost, container: string, signal: AbortSignal): Promise<GuestPlace> {
  return { space: host, inside: await host.containerPid(container, signal) };
}

/** UDP probes with numbers, one per millisecond, that must all come back. */
export interface Streams extends AsyncDisposable {
  /** Resolves when every stream has sent so many more. */
  sent(count: number, signal: AbortSignal): Promise<void>;
  reports(signal: AbortSignal): Promise<Readonly<Record<string, GapReport>>>;
  /** How many each has lost since this was asked before; waits until the last one sent is judged. */
  lost(signal: AbortSignal): Promise<Readonly<Record<string, number>>>;
}

export interface StreamEnds {
  readonly from: GuestPlace;
  readonly to: GuestPlace;
  readonly address: string;
}

/** Starts an echo at each end and a stream to it. */
export async function startStreams(ends: Readonly<Record<string, StreamEnds>>, signal: AbortSignal): Promise<Streams> {
  await using undo = new AsyncDisposableStack();
  const streams = new Map<string, ProbeStream>();
  let port = PORT;
  for (const [title, { from, to, address }] of Object.entries(ends)) {
    port += 1;
    undo.use(await startUdpEcho(to, port, signal));
    streams.set(title, undo.use(await startUdpStream(from, { address, port }, signal)));
  }
  const kept = undo.move();
  const reports = async (asked: AbortSignal) =>
    Object.fromEntries(
      await Promise.all([...streams].map(async ([title, stream]) => [title, await stream.gap(asked)] as const)),
    );
  const sent: Streams["sent"] = async (count, asked) => {
    const before = await reports(asked);
    await repeated(async () => {
      const now = Object.entries(await reports(asked));
      return now.every(([title, report]) => report.sent >= (before[title]?.sent ?? 0) + count) ? true : undefined;
    }, asked);
  };
  let told: Readonly<Record<string, GapReport>> = {};
  return {
    reports,
    sent,
    async lost(asked) {
      await sent(2 * ANSWER_TIME, asked);
      const [before, now] = [told, await reports(asked)];
      told = now;
      return Object.fromEntries(
        Object.entries(now).map(([title, { lost }]) => [title, lost - (before[title]?.lost ?? 0)]),
      );
    },
    [Symbol.asyncDispose]: async () => await kept.disposeAsync(),
  };
}
