import { type CommandOptions, text } from "@holdfast/cli";
import {
  openRedis,
  type RecordedDatagram,
  type RecordedRange,
  recordedInStream,
  redisAccess,
} from "@holdfast/collector";
import { collectorOptions } from "@holdfast/collector/config";
import { HoldfastError, systemClock } from "@holdfast/core";
import { readSettings } from "../settings.ts";

export { captureOf } from "@holdfast/collector";

/** A stream that somebody names. @throws HoldfastError `invalid_argument` when nobody says in which Redis it is */
export async function* recordedInNamedStream(
  options: CommandOptions,
  range: RecordedRange,
): AsyncGenerator<RecordedDatagram> {
  const named = Object.fromEntries(
    ["redis", "redisPasswordFile", "redisCaFile", "redisStream"].map((name) => [name, text(options, name)] as const),
  );
  const {
    redis: url,
    redisStream,
    redisPasswordFile,
    redisCaFile,
  } = readSettings("collector", collectorOptions, named);
  if (url === undefined) {
    const remedy = "say by --redis which Redis has the stream, or name a capture file";
    throw new HoldfastError("invalid_argument", remedy);
  }
  await using redis = openRedis(redisAccess({ url, passwordFile: redisPasswordFile, caFile: redisCaFile }));
  yield* recordedInStream({ redis, clock: systemClock }, redisStream, range);
}
