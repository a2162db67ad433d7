import type { LogFields, Logger, LogLevel } from "@holdfast/core";
import { type Logger as Pino, pino } from "pino";

/** Logs as JSON lines on standard output, written at once: a crash loses none. */
export function createPinoLogger(component: string, level: LogLevel): Logger {
  const stream = pino.destination({ dest: 1, sync: true });
  return wrap(pino({ level, base: { component }, timestamp: pino.stdTimeFunctions.isoTime }, stream));
}

function wrap(logger: Pino): Logger {
  return {
    error: (message: string, fields: LogFields = {}) => logger.error(fields, message),
    warn: (message: string, fields: LogFields = {}) => logger.warn(fields, message),
    info: (message: string, fields: LogFields = {}) => logger.info(fields, message),
    debug: (message: string, fields: LogFields = {}) => logger.debug(fields, message),
    child: (fields: LogFields) => wrap(logger.child(fields)),
  };
}
