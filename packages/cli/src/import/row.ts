/** One address of another address book, as its file has it; what the file does not say is absent. */
export interface ImportRow {
  /** Where it stands, e.g. `"line 7"` or `"result 12"`. */
  readonly place: string;
  /** As written, without a prefix length. */
  readonly address: string;
  /** As written: becomes an identity. */
  readonly name?: string;
  /** Name of a network, VRF or the like, to be mapped. */
  readonly network?: string;
  readonly tenant?: string;
  /** What of it is kept as labels, e.g. `imported/mac`. */
  readonly labels: Readonly<Record<string, string>>;
}

/** A row that cannot be read. */
export interface BadRow {
  readonly place: string;
  readonly address: string;
  readonly why: string;
}

export interface ImportRows {
  readonly rows: readonly ImportRow[];
  readonly bad: readonly BadRow[];
}

const LONGEST_LABEL = 255;

/** Labels of what the file says beside name and address; empty and absent values leave none. */
export function importedLabels(facts: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const labels = Object.entries(facts).flatMap(([name, value]) => {
    const kept = value?.trim().slice(0, LONGEST_LABEL) ?? "";
    return kept === "" ? [] : [[`imported/${name}`, kept] as const];
  });
  return Object.fromEntries(labels);
}
