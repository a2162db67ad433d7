import { once } from "node:events";
import type { Writable } from "node:stream";
import { type Clock, errorText, HoldfastError, isHoldfastError, type Name } from "@holdfast/core";
import { problemOf, type RouteRequest, type Routes, type VerificationMessage } from "@holdfast/model";
import type { FastifyReply } from "fastify";
import { exportInto } from "../ledger/export.ts";
import { checkPosition } from "../ledger/reading.ts";
import type { Metrics } from "../metrics.ts";
import type { Nouns } from "../nouns.ts";
import type { Platform } from "../platform.ts";
import { followDropsInto } from "../policy/following-drops.ts";
import { watchInto } from "../reading/watching.ts";
import { notFound } from "../refusals.ts";
import type { Streams } from "./app.ts";
import { REQUEST_ID } from "./request-id.ts";

export interface StreamOptions {
  /** Milliseconds between bookmarks. */
  readonly beat: number;
  readonly metrics: Metrics;
  /** Of this life of the controller alone. */
  readonly run: string;
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
      const { params, query } = request as RouteRequest<Routes["followNode"]>;
      const node: Name = params.node;
      if (!state.nodes.has(node)) throw notFound(`node ${node}`, "its agent has to register it first");
      liveness.seen(node);
      nouns.inventories.reset(node);
      nouns.feeds.open(node, begin(reply, false), { policies: query.policies === "true", qos: query.qos === "true" });
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

    followDrops(_, reply) {
      const output = begin(reply, false);
      const gone = new AbortController();
      output.on("close", () => gone.abort());
      void followDropsInto(
        output,
        { totals: nouns.policyCounts.drops, clock, run: options.run },
        { bookmark: options.beat, signal: AbortSignal.any([options.signal, gone.signal]) },
      ).finally(() => output.end());
    },

    verifyAddresses(request, reply, events) {
      const { query } = request as RouteRequest<Routes["verifyAddresses"]>;
      const { tenant, network, node, fix } = query;
      const gone = new AbortController();
      const signal = AbortSignal.any([options.signal, gone.signal]);
      const how = { fix: fix === "true", actor: "operator", share: VERIFY_SHARE, signal };
      const messages = nouns.verifier.round({ tenant, network, node }, how);
      const output = begin(reply, events);
      output.on("close", () => gone.abort());
      void sayAll(messages, output, { events, signal }).finally(() => output.end());
    },
  };
}

/** Writes messages as lines, as fast as they are read; what breaks it off is the last line. */
async function sayAll(
  messages: AsyncIterable<VerificationMessage>,
  output: Writable,
  { events, signal }: { readonly events: boolean; readonly signal: AbortSignal },
): Promise<void> {
  const say = async (message: VerificationMessage): Promise<void> => {
    const json = JSON.stringify(message);
    if (output.write(events ? `data: ${json}\n\n` : `${json}\n`) || signal.aborted) return;
    // The signal ends the wait, and is looked at by who says more.
    await once(output, "drain", { signal }).catch(() => undefined);
  };
  try {
    for await (const message of messages) {
      signal.throwIfAborted();
      await say(message);
    }
  } catch (error) {
    const known = isHoldfastError(error) ? error : new HoldfastError("internal", errorText(error), { cause: error });
    if (!signal.aborted) await say({ kind: "error", problem: problemOf(known) });
  }
}

/** Of the time of this process, that somebody who waits for a verification gets. */
const VERIFY_SHARE = 0.5;

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
