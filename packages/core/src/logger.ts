import { HoldfastError } from "./errors.ts";

/** Data of a log event. Fixed names: `network`, `endpoint`, `node`, `interface`, `prefix`, `revision`, `error`. */
export type LogFields = Readonly<Record<string, unknown>>;

/**
 * Logs are events with fields: the message is a constant lower-case sentence, data goes into fields.
 *
 * error: a person must act; warn: degraded and retrying; info: state changed; debug: per object.
 */
export interface Logger {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
  /** A logger that adds these fields to every event, e.g. `{ component: "ovsdb" }`. */
  child(fields: LogFields): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** @throws HoldfastError `invalid_argument`. */
export function parseLogLevel(text: string): LogLevel {
  if (text === "debug" || text === "info" || text === "warn" || text === "error") return text;
  throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is none of debug, info, warn, error`);
}

/** Drops everything. */
export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
  child: () => silentLogger,
};
