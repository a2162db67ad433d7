import type { InventoryChange } from "@holdfast/flow";
import { createWindowing, type SampledWindow } from "../receiver/windowing.ts";
import type { Delivery } from "./consumer-group.ts";
import { forEachDatagram } from "./entry.ts";
import { createProgress, type Progress } from "./progress.ts";

/** A window, and how far the stream has been read with it. */
export interface StreamWindow {
  /** 1 for the first of this reader. */
  readonly number: number;
  readonly window: SampledWindow;
  readonly checkpoint: string;
}

/** Makes windows of deliveries, and knows which of these need not be given again when a window is kept. */
export interface StreamWindows {
  /** From where the stream is read. News may be learned before, deliveries may not be taken. @param checkpoint of the reader before; undefined: none */
  begin(checkpoint: string | undefined): void;
  take(delivery: Delivery): void;
  learn(changes: readonly InventoryChange[]): void;
  /** Nothing that came before this time is still to be read. */
  advance(at: number): void;
  /** The window is kept: gives the deliveries that have been read with it and those before. */
  kept(number: number): readonly string[];
  /** Windows that are not kept yet. */
  readonly unkept: number;
  /** When the newest datagram came that was read, in milliseconds since 1970; 0: none was. */
  readonly readUntil: number;
  readonly counts: StreamCounts;
}

export interface StreamCounts {
  /** Datagrams that were given a number and never came: Redis lost them, or trimmed them unread, or the receiver had no room for them. */
  readonly lost: number;
  /** Datagrams that came once more, and were counted once. */
  readonly repeated: number;
  /** Entries that are none of ours, or that were trimmed after they were given to somebody. */
  readonly foreign: number;
}

export interface StreamWindowsOptions {
  readonly windowMs: number;
  readonly windowSamples: number;
}

export function createStreamWindows(
  emit: (window: StreamWindow) => void,
  { windowMs, windowSamples }: StreamWindowsOptions,
): StreamWindows {
  /** Read since the last window was over. */
  let read: string[] = [];
  const unkept = new Map<number, readonly string[]>();
  let last = 0;
  let readUntil = 0;
  let foreign = 0;
  let progress: Progress = createProgress(undefined);
  // Datagrams are held back where they are: in the stream.
  const windowing = createWindowing(close, { windowMs, windowSamples, settleMs: 0, holdBytes: 0 });

  function close(window: SampledWindow): void {
    last += 1;
    unkept.set(last, read);
    read = [];
    emit({ number: last, window, checkpoint: progress.checkpoint(window.start + windowMs) });
  }

  return {
    begin(checkpoint) {
      progress = createProgress(checkpoint);
      // What is read now is of windows after those that are kept, whatever its receiver's clock says.
      if (progress.at > 0) windowing.advance(progress.at);
    },
    take({ id, entry }) {
      if (entry !== undefined) {
        let number = entry.first;
        progress.hear(entry.from);
        forEachDatagram(entry, (view, start, length, at) => {
          if (progress.isNew(entry.from, number)) {
            // May end a window, which has not this one.
            windowing.take(view, start, length, at);
            progress.advance(entry.from, number);
            readUntil = Math.max(readUntil, at);
          }
          number += 1;
        });
      } else {
        foreign += 1;
      }
      read.push(id);
    },
    learn: (changes) => windowing.learn(changes),
    advance: (at) => windowing.advance(at),
    kept(number) {
      const ids = [...unkept].filter(([one]) => one <= number).flatMap(([, some]) => some);
      for (const one of [...unkept.keys()]) if (one <= number) unkept.delete(one);
      return ids;
    },
    get unkept() {
      return unkept.size;
    },
    get readUntil() {
      return readUntil;
    },
    get counts() {
      return { lost: progress.lost, repeated: progress.repeated, foreign };
    },
  };
}
