/** A value of a CSV file; absent ones are empty. */
export type CsvCell = string | number | boolean | null | undefined;

/** One record of a CSV file (RFC 4180, lines end in LF): what has a comma, quote or line break is quoted. */
export function csvLine(values: readonly CsvCell[]): string {
  return `${values.map((value) => csvField(value === undefined || value === null ? "" : String(value))).join(",")}\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
