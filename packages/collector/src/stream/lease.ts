import type { Redis } from "./redis.ts";

/** Sees to it that one reader at a time reads a stream: windows and sequence numbers want its datagrams in order, and all of them. */
export interface Lease {
  /** True: it is ours for the next seconds. False: somebody else has it, {@link Lease.holder}. @throws HoldfastError `unavailable` */
  hold(): Promise<boolean>;
  /** Who had it when it was last asked for. */
  readonly holder: string | undefined;
  /** Gives it up, so that another reader has not to wait. */
  release(): Promise<void>;
}

/** Milliseconds after which another reader takes the place of one that says nothing. */
export const LEASE_MS = 5000;

/** Holds on to what is ours or nobody's, and says whose it is. */
const HOLD = `
local holder = redis.call("GET", KEYS[1])
if holder and holder ~= ARGV[1] then return holder end
redis.call("SET", KEYS[1], ARGV[1], "PX", ARGV[2])
return ARGV[1]`;
const RELEASE = `if redis.call("GET", KEYS[1]) == ARGV[1] then return redis.call("DEL", KEYS[1]) end return 0`;

/** @param key of the stream @param name of the reader, its own alone */
export function createLease(redis: Redis, key: string, name: string): Lease {
  const place = `${key}:reader`;
  let holder: string | undefined;
  return {
    get holder() {
      return holder;
    },
    async hold() {
      holder = await redis.command<string>(["EVAL", HOLD, "1", place, name, String(LEASE_MS)]);
      return holder === name;
    },
    async release() {
      await redis.command(["EVAL", RELEASE, "1", place, name]);
    },
  };
}
