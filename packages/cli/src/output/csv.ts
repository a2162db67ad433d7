/** One record of a CSV file (RFC 4180, lines end in LF): what has a comma, quote or line break is quoted; absent values are empty. */
export function csvLine(values: readonly (string | number | undefined)[]): string {
  return `${values.map((value) => csvField(value === undefined ? "" : String(value))).join(",")}\n`;
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
