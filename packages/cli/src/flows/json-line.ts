/** Numbers of 64 bits keep all their digits (ECMA-262, JSON.rawJSON); TypeScript's library does not know it yet. */
const { rawJSON } = JSON as unknown as { rawJSON(text: string): unknown };

/** One line of JSON. */
export function jsonLine(value: unknown): string {
  return `${JSON.stringify(value, (_, member: unknown) => (typeof member === "bigint" ? rawJSON(String(member)) : member))}\n`;
}
