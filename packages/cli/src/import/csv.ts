import { HoldfastError } from "@holdfast/core";

/** One record with the line it begins on, from 1. */
export interface CsvRecord {
  readonly line: number;
  readonly fields: readonly string[];
}

/**
 * Reads CSV (RFC 4180): quoted fields may hold separators, doubled quotes and line breaks; lines end in LF or CRLF; a byte order mark and empty
 * lines are passed over. The separator is the comma, or the semicolon when the first line has no comma.
 *
 * @throws HoldfastError `invalid_argument`, naming the line.
 */
export function parseCsv(text: string): readonly CsvRecord[] {
  const source = text.startsWith("\ufeff") ? text.slice(1) : text;
  const head = source.slice(0, source.search(/[\r\n]|$/));
  const separator = head.includes(";") && !head.includes(",") ? ";" : ",";
  const plain = new RegExp(`[^${separator}\\r\\n"]*`, "y");
  const records: CsvRecord[] = [];
  let [at, line] = [0, 1];

  function quoted(): string {
    const opened = line;
    let field = "";
    for (;;) {
      const end = source.indexOf('"', at + 1);
      if (end < 0) throw invalidLine(opened, "a quote is opened and never closed");
      const part = source.slice(at + 1, end);
      field += part;
      line += part.split("\n").length - 1;
      at = end + 1;
      if (source[at] !== '"') return field;
      field += '"';
    }
  }

  function unquoted(): string {
    plain.lastIndex = at;
    const field = plain.exec(source)?.[0] ?? "";
    at += field.length;
    if (source[at] === '"') throw invalidLine(line, "a quote inside a field; put the whole field in quotes");
    return field.trim();
  }

  while (at < source.length) {
    const begun = line;
    const fields: string[] = [];
    for (;;) {
      fields.push(source[at] === '"' ? quoted() : unquoted());
      if (source[at] !== separator) break;
      at += 1;
    }
    if (source[at] === "\r") at += 1;
    if (at < source.length && source[at] !== "\n") throw invalidLine(line, "something stands behind a closing quote");
    at += 1;
    line += 1;
    if (fields.length > 1 || fields[0] !== "") records.push({ line: begun, fields });
  }
  return records;
}

export function invalidLine(line: number, why: string): HoldfastError {
  return new HoldfastError("invalid_argument", `line ${line}: ${why}`, { details: { line } });
}
