import type { AttachmentInfo } from "@holdfast/model";

/** One look at dockerd: what we had before it, and what it listed. */
export interface Sighting {
  /** The agent's attachments, taken before dockerd was asked. */
  readonly attachments: readonly AttachmentInfo[];
  /** EndpointIDs in dockerd's store. */
  readonly listed: ReadonlySet<string>;
  /** When dockerd was asked, epoch milliseconds. */
  readonly at: number;
  /** The same on a clock that only grows. */
  readonly monotonic: number;
  /** When we came to know this dockerd, epoch milliseconds: it may have started then. */
  readonly engineSince: number;
  /** How many events dockerd had sent by then. */
  readonly events: number;
}

/** What a look at dockerd led to. */
export interface Finding {
  /** Ids of the agent's endpoints that dockerd has not had twice. */
  readonly leaked: readonly string[];
  /** Whether something is missing that a second look must confirm. */
  readonly suspects: boolean;
}

/** Milliseconds between two looks without an event between. */
export const CONFIRM_AFTER = 5_000;

/**
 * Milliseconds for which a reservation may wait for its endpoint: Docker has no id for it, so only time tells that nobody will come. In a
 * living dockerd CreateEndpoint follows within milliseconds; one that has started since knows nothing of it.
 */
export const RESERVATION_GRACE = 30_000;

interface Suspect {
  readonly phase: string;
  readonly since: number;
  readonly monotonic: number;
  readonly events: number;
}

/**
 * Finds attachments whose container is gone although nobody said so. Missing once is nothing; missing twice, unchanged, with an event or
 * {@link CONFIRM_AFTER} between the looks, is a leak.
 */
export function createLeakFinder(): { look(sighting: Sighting): Finding; forget(): void } {
  let suspects = new Map<string, Suspect>();
  return {
    look(sighting) {
      const { monotonic, events } = sighting;
      const before = suspects;
      suspects = new Map();
      const leaked: string[] = [];
      for (const attachment of sighting.attachments.filter((candidate) => isMissing(candidate, sighting))) {
        const { endpoint, phase, since, runtimeEndpoint } = attachment;
        const seen = before.get(endpoint);
        const unchanged = seen?.phase === phase && seen.since === since;
        const first = unchanged ? seen : { phase, since, monotonic, events };
        suspects.set(endpoint, first);
        // An event says that dockerd has gone on; for an endpoint that is not made yet it says nothing.
        const wentOn = runtimeEndpoint !== undefined && events > first.events;
        if (unchanged && (wentOn || monotonic - first.monotonic >= CONFIRM_AFTER)) leaked.push(endpoint);
      }
      return { leaked, suspects: suspects.size > leaked.length };
    },
    /** The engine went: what was missing in it says nothing about the next one. */
    forget() {
      suspects = new Map();
    },
  };
}

function isMissing({ runtimeEndpoint, phase, since }: AttachmentInfo, { listed, at, engineSince }: Sighting): boolean {
  if (phase === "released" || since >= at) return false;
  if (runtimeEndpoint === undefined) return since < engineSince || at - since >= RESERVATION_GRACE;
  return !listed.has(runtimeEndpoint);
}
