import type { Writable } from "node:stream";
import type { FlowSample, RouteRequest, Routes } from "@holdfast/model";
import { sampleAnswer } from "../query/sample-values.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { planSamples, sampleText } from "./samples.ts";

/** Tells who follows the samples of each window, when it comes. */
export interface Tail {
  take(window: TrafficWindow): void;
  /** Writes samples as lines until the reader has gone. @throws HoldfastError `invalid_argument` for the filter, before anything is written */
  follow(query: RouteRequest<Routes["tailFlows"]>["query"], output: TailOutput): void;
  /** Ends all that are followed. */
  close(): void;
}

/** A reply whose head is still to be written. */
export interface TailOutput extends Writable {
  writeHead(status: number, headers: Readonly<Record<string, string>>): unknown;
  flushHeaders(): void;
}

/** Lines of one window for one reader; people do not read more. */
const MOST_LINES = 500;

export function createTail(): Tail {
  const readers = new Map<TailOutput, (window: TrafficWindow) => readonly FlowSample[]>();

  return {
    take(window) {
      for (const [output, wanted] of readers) {
        // Who has not read the last window yet is told nothing of this one.
        if (output.writableNeedDrain) continue;
        output.write(
          wanted(window)
            .map((sample) => `${JSON.stringify(sample)}\n`)
            .join(""),
        );
      }
    },

    follow({ filter = "", tenant }, output) {
      const plan = planSamples(filter, tenant);
      readers.set(output, ({ samples }) => {
        const found = samples.flatMap((sample) => sampleAnswer(plan, sample) ?? []);
        return found
          .sort((a, b) => a.at - b.at)
          .slice(-MOST_LINES)
          .map(sampleText);
      });
      output.once("close", () => readers.delete(output));
      output.on("error", () => readers.delete(output));
      output.writeHead(200, { "content-type": "application/x-ndjson; charset=utf-8", "cache-control": "no-store" });
      output.flushHeaders();
    },

    close() {
      for (const output of readers.keys()) output.end();
      readers.clear();
    },
  };
}
