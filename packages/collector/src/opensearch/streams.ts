import { floorTo, type Partition, SPANS } from "../store/partitions.ts";
import { STREAM_KINDS, type StreamKind } from "./templates.ts";

/** Rows of one kind and one span of time; a data stream of their own, so that they go by deleting it. */
export type StreamPartition = Partition & { readonly kind: StreamKind };

/** E.g. `"holdfast-flows-fine-2026.11.20-1000"`, in UTC. */
export function streamName(prefix: string, { kind, start }: StreamPartition): string {
  const [day = "", time = ""] = new Date(start * 1000).toISOString().split("T");
  return `${prefix}-${kind}-${day.replaceAll("-", ".")}-${time.slice(0, 5).replace(":", "")}`;
}

/** Undefined: the data stream is none of this prefix. */
export function streamNamed(prefix: string, name: string): StreamPartition | undefined {
  if (!name.startsWith(`${prefix}-`)) return undefined;
  const [, kind, year, month, day, hour, minute] =
    /^([a-z]+)-(\d{4})\.(\d\d)\.(\d\d)-(\d\d)(\d\d)$/.exec(name.slice(prefix.length + 1)) ?? [];
  const known = STREAM_KINDS.find((one) => one === kind);
  if (known === undefined) return undefined;
  const start = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:00Z`) / 1000;
  return start === floorTo(start, SPANS[known]) ? { kind: known, start } : undefined;
}

/** All of a prefix, in few words, and none of a longer prefix that begins with this one: a year follows the kind. */
export function streamsPattern(prefix: string): string {
  return STREAM_KINDS.map((kind) => `${prefix}-${kind}-2*`).join(",");
}
