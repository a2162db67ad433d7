/** One column of a table for people. */
export interface Column<T> {
  readonly title: string;
  readonly text: (row: T) => string;
}

/**
 * Aligned columns with a title line, two spaces apart; empty cells show `-`.
 *
 * ```
 * NAME  KIND  SEGMENT
 * web   vlan  100
 * ```
 */
export function formatTable<T>(columns: readonly Column<T>[], rows: readonly T[]): string {
  const cells = rows.map((row) => columns.map((column) => column.text(row) || "-"));
  const lines = [columns.map((column) => column.title), ...cells];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => line[index]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, index) => cell.padEnd(widths[index] ?? 0))
        .join("  ")
        .trimEnd(),
    )
    .map((line) => `${line}\n`)
    .join("");
}

/** Names and values of one object, one below the other. */
export function formatDetails(pairs: readonly (readonly [name: string, value: string])[]): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(width + 1)}  ${value || "-"}\n`).join("");
}
