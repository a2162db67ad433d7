import type { FlowStatus } from "@holdfast/model";
import type { StreamReader } from "./reading.ts";
import type { StreamReceiver } from "./receiving.ts";
import type { RedisState } from "./redis.ts";

export interface StreamParts {
  readonly receiver: Pick<StreamReceiver, "state"> | undefined;
  readonly reader: Pick<StreamReader, "state"> | undefined;
  readonly storeError: () => string | undefined;
}

type StreamStatus = NonNullable<FlowStatus["stream"]>;

/** How the parts of the way through a stream do that are in this process. */
export function streamStatus(key: string, { receiver, reader, storeError }: StreamParts): StreamStatus {
  return {
    key,
    ...(receiver === undefined ? {} : { receiver: receiverStatus(receiver.state()) }),
    ...(reader === undefined ? {} : { worker: workerStatus(reader.state(), storeError()) }),
  };
}

function receiverStatus({ redis, counts, stream }: ReturnType<StreamReceiver["state"]>): StreamStatus["receiver"] {
  const { sent, waiting, dropped } = counts;
  return { redis: redisStatus(redis), sent, waiting, dropped, entries: stream.entries, bytes: stream.bytes };
}

function workerStatus(
  { redis, state, holder, counts, unkept, behind }: ReturnType<StreamReader["state"]>,
  storeError: string | undefined,
): StreamStatus["worker"] {
  return {
    redis: redisStatus(redis),
    state,
    ...(holder === undefined ? {} : { holder }),
    ...counts,
    unkeptWindows: unkept,
    behindSeconds: behind / 1000,
    ...(storeError === undefined ? {} : { storeError }),
  };
}

function redisStatus({ state, since, error }: RedisState): NonNullable<StreamStatus["worker"]>["redis"] {
  return { state, since: new Date(since).toISOString(), ...(error === undefined ? {} : { error }) };
}

/** The status of the pipeline, with what was lost before it. */
export function withStream<T extends Pick<FlowStatus, "lost" | "taken">>(
  status: T,
  stream: StreamStatus | undefined,
): T & Pick<FlowStatus, "stream"> {
  if (stream === undefined) return status;
  const { receiver, worker } = stream;
  const lost = { ...status.lost, stream: worker?.lost ?? receiver?.dropped ?? 0 };
  // Who reads nothing of them knows only how many there were.
  const datagrams = receiver === undefined ? 0 : receiver.sent + receiver.waiting + receiver.dropped;
  const taken = worker === undefined ? { ...status.taken, datagrams } : status.taken;
  return { ...status, taken, lost, stream };
}
