export { alike } from "./alike.ts";
export { type BackoffOptions, backoff } from "./backoff.ts";
export { parseBearerToken } from "./bearer-token.ts";
export type { Brand } from "./brand.ts";
export { Cidr, parseInterfaceAddress } from "./cidr.ts";
export { type Clock, systemClock } from "./clock.ts";
export { type CsvCell, csvLine } from "./csv.ts";
export { definedFields } from "./defined-fields.ts";
export { formatDuration, parseDuration } from "./duration.ts";
export {
  assert,
  type ErrorCode,
  type ErrorDetails,
  errorText,
  HoldfastError,
  httpStatus,
  isErrorCode,
  isHoldfastError,
} from "./errors.ts";
export { FAULT_POINTS, type FaultPoint, type Reached } from "./fault-points.ts";
export { parseHttpAddress } from "./http-address.ts";
export { type Family, IpAddress } from "./ip-address.ts";
export { type ListenAddress, parseListenAddress } from "./listen-address.ts";
export { type LogFields, type Logger, type LogLevel, parseLogLevel, silentLogger } from "./logger.ts";
export { MacAddress } from "./mac-address.ts";
export { Identity, Name } from "./names.ts";
export { createNap, type Nap, WOKEN } from "./nap.ts";
export {
  environmentName,
  flagName,
  type OptionDefinition,
  type OptionDefinitions,
  type OptionSources,
  type OptionValues,
  option,
  readOptions,
} from "./options.ts";
export { VlanId, Vni } from "./segment.ts";
export { timeLimit } from "./time-limit.ts";
export { createTurns, type Turns } from "./turns.ts";
export { createWatchdog, type Watchdog } from "./watchdog.ts";
