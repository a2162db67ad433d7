import { type Clock, HoldfastError, isHoldfastError } from "@holdfast/core";
import type { SearchServer } from "./server.ts";

/** Sees to it that one collector alone writes under a prefix: two would each roll up what the other has not written yet. */
export interface Holder {
  /** Says that we are still there. @throws HoldfastError `conflict` when another has taken over; like {@link SearchServer.ask} */
  renew(): Promise<void>;
  /** Lets the next one in at once. Never fails: who does not hear of it waits for {@link SILENCE}. */
  release(): Promise<void>;
}

export interface HolderOptions {
  readonly prefix: string;
  /** Of this process alone. */
  readonly run: string;
  /** Name of this machine. */
  readonly host: string;
  /** Whether a collector of the same machine is taken for this one's last run. False: we have been displaced by one that lives. */
  readonly mayFollow: boolean;
}

/** Milliseconds after which one who says nothing is taken for gone; windows come three times in it. */
export const SILENCE = 30_000;

/** What the cluster has of whoever writes. */
interface Claim {
  readonly run: string;
  readonly host: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** A claim with the version that the next one replaces. */
interface FoundClaim {
  readonly _seq_no: number;
  readonly _primary_term: number;
  readonly _source: Claim;
}

/** @throws HoldfastError `conflict`, naming the machine that writes there; like {@link SearchServer.ask} */
export async function holdPrefix(
  { clock, server }: { readonly clock: Clock; readonly server: SearchServer },
  { prefix, run, host, mayFollow }: HolderOptions,
): Promise<Holder> {
  const path = `/${prefix}-holder/_doc/holder`;
  await makeIndex(server, `${prefix}-holder`);
  let held = await claim(await found());

  async function found(): Promise<FoundClaim | undefined> {
    try {
      return await server.ask<FoundClaim>({ method: "GET", path });
    } catch (error) {
      if (isHoldfastError(error, "not_found")) return undefined;
      throw error;
    }
  }

  /** Replaces what was found, and nothing else. */
  async function claim(before: FoundClaim | undefined): Promise<FoundClaim> {
    if (before !== undefined && isOfAnother(before._source)) throw taken(before._source);
    const version =
      before === undefined ? "op_type=create" : `if_seq_no=${before._seq_no}&if_primary_term=${before._primary_term}`;
    const mine: Claim = { run, host, at: clock.now().getTime() };
    try {
      const written = await server.ask<Omit<FoundClaim, "_source">>({
        method: "PUT",
        path: `${path}?${version}`,
        body: mine,
      });
      return { _seq_no: written._seq_no, _primary_term: written._primary_term, _source: mine };
    } catch (error) {
      if (!isVersionConflict(error)) throw error;
      const now = await found();
      // Our own, when the answer to it was lost.
      if (now?._source.run === run) return now;
      // Gone, as when a cluster comes back without it: nobody has it.
      if (now === undefined && before !== undefined) return claim(undefined);
      throw taken(now?._source ?? { host: "another machine" });
    }
  }

  function isOfAnother(of: Claim): boolean {
    if (of.run === run || (mayFollow && of.host === host)) return false;
    return clock.now().getTime() - of.at < SILENCE;
  }

  function taken({ host: other }: Pick<Claim, "host">): HoldfastError {
    const remedy = "give every collector a prefix of its own: --opensearch-prefix";
    return new HoldfastError("conflict", `the collector of ${other} writes ${prefix}-* at ${server.name}; ${remedy}`);
  }

  return {
    async renew() {
      held = await claim(held);
    },
    async release() {
      const version = `if_seq_no=${held._seq_no}&if_primary_term=${held._primary_term}`;
      await server.ask({ method: "DELETE", path: `${path}?${version}`, patience: 2000 }).catch(() => undefined);
    },
  };
}

async function makeIndex(server: SearchServer, name: string): Promise<void> {
  const settings = { number_of_shards: 1, auto_expand_replicas: "0-1" };
  try {
    await server.ask({ method: "PUT", path: `/${name}`, body: { settings, mappings: { dynamic: false } } });
  } catch (error) {
    // It is there.
    if (!isHoldfastError(error) || error.details.status !== 400) throw error;
  }
}

function isVersionConflict(error: unknown): boolean {
  return isHoldfastError(error) && error.details.status === 409;
}
