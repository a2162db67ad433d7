import { readFileSync, statSync } from "node:fs";

/** Severities of the log's numbers, from this on worth a person's attention. */
const WARN = 40;
/** Where a line comes from, not what happened. */
const ORIGIN = new Set(["level", "time", "pid", "component", "part", "msg"]);
/** How dockerd logs what is in order. Of what is no event at all, the likeliest writer is standard error. */
const CALM_LOGFMT = /^time="[^"]*" level=(debug|info) /;

/** How long a log is by now, in bytes: what is written later lies behind it. 0 when there is none. */
export function lengthOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/**
 * The last lines that a program has written to its log since it had `from` bytes, as people read them: events become
 * `row is not as desired: error="no such link"`, and where there are complaints only these are given. `"(nothing)"` when it wrote nothing.
 */
export function logTail(path: string, { from, lines }: { readonly from: number; readonly lines: number }): string {
  const all = contentOf(path).subarray(from).toString("utf8").split("\n");
  const entries = all.filter((line) => line.trim() !== "").map(readable);
  const complaints = entries.filter(({ complains }) => complains);
  const shown = (complaints.length > 0 ? complaints : entries).slice(-lines).map(({ text }) => text);
  return shown.length === 0 ? "(nothing)" : shown.join("\n");
}

function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch {
    return Buffer.alloc(0);
  }
}

function readable(line: string): { readonly text: string; readonly complains: boolean } {
  const event = eventOf(line);
  if (event === undefined) return { text: line, complains: !CALM_LOGFMT.test(line) };
  const fields = Object.entries(event).filter(([name]) => !ORIGIN.has(name));
  const rest = fields.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(" ");
  return { text: rest === "" ? event.msg : `${event.msg}: ${rest}`, complains: event.level >= WARN };
}

function eventOf(line: string): { readonly msg: string; readonly level: number } | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const event: unknown = JSON.parse(line);
    const { msg, level } = event as { msg?: unknown; level?: unknown };
    return typeof msg === "string" && typeof level === "number" ? { ...(event as object), msg, level } : undefined;
  } catch {
    return undefined;
  }
}
