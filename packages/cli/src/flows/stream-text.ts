import { formatDuration } from "@holdfast/core";
import type { FlowListStatus, FlowStream } from "@holdfast/model";
import { bytesText, grouped } from "./figures.ts";

type Receiver = NonNullable<FlowStream["receiver"]>;
type Worker = NonNullable<FlowStream["worker"]>;

/** How the way through Redis does, a line for each part that the collector is. */
export function streamLines({ key, receiver, worker }: FlowStream, now: Date): readonly (readonly [string, string])[] {
  return [
    ...(receiver === undefined ? [] : [["into Redis", receiverText(key, receiver, now)] as const]),
    ...(worker === undefined ? [] : [["out of Redis", workerText(key, worker, now)] as const]),
  ];
}

/** How it goes with the list that others take flows from. */
export function flowListText({ key, content, pushed, dropped, waitingWindows, error }: FlowListStatus): string {
  const parts = [`${grouped(pushed)} documents of ${content} put into ${key}`];
  if (dropped > 0) parts.push(`${grouped(dropped)} dropped`);
  if (error !== undefined) parts.push(`${grouped(waitingWindows)} windows wait: ${error}`);
  return parts.join(", ");
}

function receiverText(key: string, { redis, sent, waiting, dropped, entries, bytes }: Receiver, now: Date): string {
  const given = `${grouped(sent)} datagrams given to ${key}, which has ${grouped(entries)} entries of ${bytesText(bytes)}`;
  const parts = [connectionText(redis, now), given];
  if (waiting > 0) parts.push(`${grouped(waiting)} wait`);
  if (dropped > 0) parts.push(`${grouped(dropped)} given up`);
  return parts.join(", ");
}

function workerText(key: string, { redis, state, holder, ...worker }: Worker, now: Date): string {
  const parts = [connectionText(redis, now)];
  if (state === "reading") parts.push(worker.behindSeconds < 1 ? `in step with ${key}` : behindText(key, worker));
  if (state === "standby") parts.push(`standby: ${holder} reads ${key}`);
  if (worker.storeError !== undefined)
    parts.push(`${grouped(worker.unkeptWindows)} windows wait: ${worker.storeError}`);
  if (worker.foreign > 0) parts.push(`${grouped(worker.foreign)} entries not read`);
  return parts.join(", ");
}

function behindText(key: string, { behindSeconds }: Pick<Worker, "behindSeconds">): string {
  return `${formatDuration(behindSeconds * 1000)} behind ${key}`;
}

function connectionText({ state, since, error }: Receiver["redis"], now: Date): string {
  const age = formatDuration(now.getTime() - Date.parse(since));
  const why = error === undefined ? "" : ` (${error})`;
  return `${state} for ${age}${state === "away" ? why : ""}`;
}
