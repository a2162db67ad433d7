import type { Clock } from "@holdfast/core";
import { type Coverage, coverageOf, expiredOf, type Progress, type Units, unitsBetween } from "../store/coverage.ts";
import { byPartition, partitionOf } from "../store/partitions.ts";
import { partitionsBetween, rollUpsOf } from "../store/roll-ups.ts";
import type { TierSettings } from "../store/store.ts";
import { ROLLED_TIERS, type RolledTier } from "../store/sum-tiers.ts";
import type { TrafficWindow } from "../windows/traffic.ts";
import { type BulkOptions, type IdentifiedDocument, type Written, writeDocuments } from "./bulk.ts";
import { checkVersion, NOTHING, readBytes, readProgress, readStreams, unlessGone } from "./catalog-state.ts";
import { countDocument } from "./counts.ts";
import { dimensionKey, sampleDocument, sumDocument } from "./documents.ts";
import { dropDocument } from "./drops.ts";
import { type Holder, type HolderOptions, holdPrefix } from "./holder.ts";
import { added, writeRollUp } from "./roll-up.ts";
import type { Search, SearchAnswer } from "./searching.ts";
import type { SearchServer } from "./server.ts";
import { type StreamPartition, streamName } from "./streams.ts";
import { STREAM_KINDS, type StreamKind, templateOf } from "./templates.ts";

/** The data streams of a prefix, and what they have. */
export interface Catalog {
  /** That no other collector writes here; to be renewed before each window. */
  readonly holder: Holder;
  /** Writes a window. Its documents have ids of their own, so that another try counts nothing twice. */
  take(window: TrafficWindow, options: TakeOptions): Promise<{ readonly rows: Written; readonly samples: Written }>;
  /** Rolls up what is over at the beginning of the newest window, in seconds, and then throws away what is too old. */
  keepUp(start: number, end: number, signal: AbortSignal): Promise<Written>;
  expire(now: number): Promise<void>;
  coverage(): Coverage;
  /** The streams that there are of a time, in seconds. */
  streams(kind: StreamKind, from: number, to: number): readonly string[];
  /** Searches streams, at least one, with all that was written before. */
  search(streams: readonly string[], signal: AbortSignal): Search;
  /** Bytes of all streams, as of the last {@link Catalog.keepUp} that rolled up. */
  readonly bytes: number;
}

export interface TakeOptions extends BulkOptions {
  /** That ids of its documents begin with: of this window alone, in every try. */
  readonly id: string;
}

export interface CatalogOptions extends HolderOptions {
  readonly tiers: TierSettings;
}

/** Makes templates, and looks for what is there. @throws HoldfastError like {@link SearchServer.ask}; `precondition_failed` when the cluster is too old */
export async function openCatalog(
  dependencies: { readonly clock: Clock; readonly server: SearchServer },
  { tiers, ...options }: CatalogOptions,
): Promise<Catalog> {
  const { server } = dependencies;
  await checkVersion(server);
  const holder = await holdPrefix(dependencies, options);
  const { prefix, run } = options;
  for (const kind of STREAM_KINDS) {
    await server.ask({ method: "PUT", path: `/_index_template/${prefix}-${kind}`, body: templateOf(prefix, kind) });
  }
  const known = await readStreams(server, prefix);
  let progress: Progress = known.size === 0 ? new Map() : await readProgress(server, prefix);
  /** Written to since they were last made visible. */
  const stale = new Set<string>();
  let refreshing: Promise<void> = Promise.resolve();
  let bytes = await readBytes(server, prefix);

  async function write(
    partition: StreamPartition,
    documents: readonly IdentifiedDocument[],
    options: BulkOptions,
  ): Promise<Written> {
    if (documents.length === 0) return NOTHING;
    const stream = streamName(prefix, partition);
    // It may be written to even when the answer does not arrive.
    known.set(stream, partition);
    try {
      return await writeDocuments(dependencies, stream, documents, options);
    } finally {
      stale.add(stream);
    }
  }

  async function take(window: TrafficWindow, { id, ...options }: TakeOptions): ReturnType<Catalog["take"]> {
    const counted = window.rows.filter(({ isCounted }) => isCounted);
    const documents = counted.map((row, index) => {
      const { packets, bytes, samples, exactSamples: exact } = row;
      const json = sumDocument("fine", window.start, dimensionKey(row), { packets, bytes, samples, exact });
      return { id: `${id}-${index}`, json };
    });
    const rows = await write(partitionOf("fine", window.start / 1000), documents, options);
    let samples = NOTHING;
    for (const [partition, part] of byPartition("samples", window.samples.entries(), ([, { at }]) => at)) {
      const found = part.map(([index, sample]) => ({ id: `${id}-s${index}`, json: sampleDocument(sample) }));
      samples = added(samples, await write(partition, found, options));
    }
    let counts = NOTHING;
    for (const [partition, part] of byPartition("counts", window.counts ?? [], ({ until }) => until)) {
      const found = part.map((counted) => ({
        id: `${id}-c${counted.exporter}-${counted.ifIndex}-${counted.owner?.endpoint ?? ""}-${counted.until}`,
        json: countDocument(counted),
      }));
      counts = added(counts, await write(partition, found, options));
    }
    let drops = NOTHING;
    for (const [partition, part] of byPartition("drops", (window.drops ?? []).entries(), ([, { at }]) => at)) {
      const found = part.map(([index, dropped]) => ({ id: `${id}-d${run}-${index}`, json: dropDocument(dropped) }));
      drops = added(drops, await write(partition, found, options));
    }
    return { rows: added(added(rows, counts), drops), samples };
  }

  async function keepUp(start: number, end: number, signal: AbortSignal): Promise<Written> {
    let written = NOTHING;
    // More of the same window may come when the collector was stopped in it and started again.
    let until = start;
    const before = progress.get("minute");
    for (const tier of ROLLED_TIERS) {
      const units = unitsBetween(tier, progress.get(tier) ?? start, until);
      written = added(written, await rollUp(tier, units, signal));
      until = units.until;
      progress = new Map([...progress, [tier, until]]);
    }
    await expire(end);
    if (progress.get("minute") !== before) bytes = await readBytes(server, prefix);
    return written;
  }

  async function rollUp(into: RolledTier, { from, until }: Units, signal: AbortSignal): Promise<Written> {
    let written = NOTHING;
    for (const one of rollUpsOf(into, from, until)) {
      const sources = streams(one.from, one.start, one.end);
      if (sources.length === 0) continue;
      const stream = streamName(prefix, one.into);
      const work = { rollUp: one, search: search(sources, signal), stream, signal };
      const page = await writeRollUp(dependencies, work);
      if (page.kept > 0) {
        known.set(stream, one.into);
        stale.add(stream);
      }
      written = added(written, page);
    }
    return written;
  }

  async function expire(now: number): Promise<void> {
    for (const name of expiredOf(known, tiers, now)) {
      await server.ask({ method: "DELETE", path: `/_data_stream/${name}` }).catch(unlessGone);
      known.delete(name);
      stale.delete(name);
    }
  }

  function streams(kind: StreamKind, from: number, to: number): readonly string[] {
    const names = partitionsBetween(kind, from, to).map(({ start }) => streamName(prefix, { kind, start }));
    return names.filter((name) => known.has(name));
  }

  function search(of: readonly string[], signal: AbortSignal): Search {
    const path = `/${of.join(",")}/_search?ignore_unavailable=true&allow_partial_search_results=false`;
    return async (body) => {
      await refresh(of);
      return server.ask<SearchAnswer>({ method: "POST", path, body, signal });
    };
  }

  /** One after the other: who asks while another's is under way may not see less than he. */
  function refresh(of: readonly string[]): Promise<void> {
    const mine = refreshing.then(() => makeVisible(of.filter((name) => stale.has(name))));
    refreshing = mine.catch(() => undefined);
    return mine;
  }

  async function makeVisible(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const path = `/${names.join(",")}/_refresh?ignore_unavailable=true`;
    for (const name of names) stale.delete(name);
    try {
      await server.ask({ method: "POST", path });
    } catch (error) {
      for (const name of names) stale.add(name);
      throw error;
    }
  }

  return {
    holder,
    take,
    keepUp,
    expire,
    coverage: () => coverageOf(known, progress),
    streams,
    search,
    get bytes() {
      return bytes;
    },
  };
}
