import type { LogFields, Logger } from "../logger.ts";

/** Keeps every event, for tests that look at them. */
export class RecordingLogger implements Logger {
  readonly events: { level: string; message: string; fields: LogFields }[];
  readonly #fields: LogFields;

  constructor(fields: LogFields = {}, events: RecordingLogger["events"] = []) {
    this.#fields = fields;
    this.events = events;
  }

  error(message: string, fields: LogFields = {}): void {
    this.#record("error", message, fields);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.#record("warn", message, fields);
  }
  info(message: string, fields: LogFields = {}): void {
    this.#record("info", message, fields);
  }
  debug(message: string, fields: LogFields = {}): void {
    this.#record("debug", message, fields);
  }
  child(fields: LogFields): Logger {
    return new RecordingLogger({ ...this.#fields, ...fields }, this.events);
  }

  #record(level: string, message: string, fields: LogFields): void {
    this.events.push({ level, message, fields: { ...this.#fields, ...fields } });
  }
}
