import type { FlowStream } from "@holdfast/model";
import type { Family } from "./metrics.ts";

/** How the way through a stream does, for Prometheus; of parts in other processes there is nothing. */
export function streamFamilies({ receiver, worker }: FlowStream): readonly Family[] {
  return [
    ...(receiver === undefined ? [] : receiverFamilies(receiver)),
    ...(worker === undefined ? [] : workerFamilies(worker)),
  ];
}

function receiverFamilies({
  redis,
  sent,
  waiting,
  dropped,
  entries,
  bytes,
}: NonNullable<FlowStream["receiver"]>): Family[] {
  return [
    counter("sent_datagrams", "Datagrams that Redis has taken.", sent),
    counter("dropped_datagrams", "Datagrams given up because Redis was away for longer than memory lasts.", dropped),
    gauge("waiting_datagrams", "Datagrams that wait for Redis in memory.", waiting),
    gauge("entries", "Entries in the stream, read ones included.", entries),
    gauge("bytes", "Bytes of the memory of Redis that the stream has.", bytes),
    gauge("receiver_connected", "1 when the receiver is connected to Redis.", redis.state === "connected" ? 1 : 0),
  ];
}

function workerFamilies({ redis, state, ...worker }: NonNullable<FlowStream["worker"]>): Family[] {
  return [
    counter(
      "lost_datagrams",
      "Datagrams lost between a receiver and this worker: trimmed unread, or lost with Redis.",
      worker.lost,
    ),
    counter("repeated_datagrams", "Datagrams that came once more, and were counted once.", worker.repeated),
    counter(
      "foreign_entries",
      "Entries of the stream that are no receiver's, or were trimmed after they were given out.",
      worker.foreign,
    ),
    gauge("unkept_windows", "Windows that the store has not taken yet.", worker.unkeptWindows),
    gauge("behind_seconds", "How far behind the newest datagram the worker reads; 0: in step.", worker.behindSeconds),
    gauge("reading", "1 when this worker reads the stream, 0 when another one does.", state === "reading" ? 1 : 0),
    gauge("worker_connected", "1 when the worker is connected to Redis.", redis.state === "connected" ? 1 : 0),
  ];
}

function counter(what: string, help: string, value: number): Family {
  return { name: `holdfast_collector_stream_${what}_total`, help, type: "counter", values: [["", value]] };
}

function gauge(what: string, help: string, value: number): Family {
  return { name: `holdfast_collector_stream_${what}`, help, type: "gauge", values: [["", value]] };
}
