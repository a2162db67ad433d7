import type { Clock, Name } from "@holdfast/core";
import type { RouteRequest, Routes } from "@holdfast/model";
import type { FastifyReply } from "fastify";
import { exportInto } from "../ledger/export.ts";
import { checkPosition } from "../ledger/reading.ts";
import type { Metrics } from "../metrics.ts";
import type { Nouns } from "../nouns.ts";
import type { Platform } from "../platform.ts";
import { watchInto } from "../reading/watching.ts";
import { notFound } from "../refusals.ts";
import type { Streams } from "./app.ts";
import { REQUEST_ID } from "./request-id.ts";

export interface StreamOptions {
  /** Milliseconds between bookmarks. */
  readonly beat: number;
  readonly metrics: Metrics;
  /** Ends all streams. */
  readonly signal: AbortSignal;
}

export function createStreams(platform: Platform, nouns: Nouns, options: StreamOptions): Streams {
  const { store, state, clock, liveness }: Platform & { clock: Clock } = platform;
  let watches = 0;

  function countWatches(step: 1 | -1): void {
    watches += step;
    options.metrics.set("watches", "", watches);
  }

  return {
    followNode(request, reply) {
      const { params } = request as RouteRequest<Routes["followNode"]>;
      const node: Name = params.node;
      if (!state.nodes.has(node)) throw notFound(`node ${node}`, "its agent has to register it first");
      liveness.seen(node);
      nouns.feeds.open(node, begin(reply, false));
    },

    watch(request, reply, events) {
      const { query } = request as RouteRequest<Routes["watch"]>;
      const output = begin(reply, events);
      const gone = new AbortController();
      output.on("close", () => gone.abort());
      countWatches(1);
      const { kinds, tenant, revision = state.revision } = query;
      void watchInto(
        output,
        { store, clock, nodes: nouns.nodes },
        { kinds, tenant, revision, events },
        { bookmark: options.beat, signal: AbortSignal.any([options.signal, gone.signal]) },
      ).finally(() => {
        countWatches(-1);
        output.end();
      });
    },

    exportLedger(request, reply) {
      const { query } = request as RouteRequest<Routes["exportLedger"]>;
      checkPosition(query.after);
      const output = begin(reply, false);
      const gone = new AbortController();
      output.on("close", () => gone.abort());
      const signal = AbortSignal.any([options.signal, gone.signal]);
      void exportInto(output, nouns.reader, query, signal).finally(() => output.end());
    },
  };
}

/** Sends the head of the reply and hands over its body. */
function begin(reply: FastifyReply, events: boolean) {
  reply.hijack();
  const { raw } = reply;
  raw.writeHead(200, {
    "content-type": events ? "text/event-stream; charset=utf-8" : "application/x-ndjson; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
    [REQUEST_ID]: reply.request.id,
  });
  raw.flushHeaders();
  // A reader that has gone is seen by the close that follows.
  raw.on("error", () => {});
  raw.socket?.setNoDelay(true);
  return raw;
}
