/** How a case ended. */
export type Verdict =
  | { readonly kind: "passed" }
  | { readonly kind: "failed"; readonly reason: string }
  | { readonly kind: "skipped"; readonly reason: string };

export interface CaseReport {
  readonly id: string;
  readonly title: string;
  readonly verdict: Verdict;
  readonly milliseconds: number;
}

/** Why a case failed, on one line. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.replaceAll(/\s+/g, " ") : String(error);
}

/** Why a plugin is known to fail a case, by the case's id. */
export type ExpectedFailures = Readonly<Record<string, string>>;

/** How a case's end compares with what is known of the plugin. */
export type Standing = "passed" | "FAILED" | "known to fail" | "PASSES NOW" | "skipped";

export function standingOf({ id, verdict }: CaseReport, expected: ExpectedFailures): Standing {
  const isKnown = expected[id] !== undefined;
  if (verdict.kind === "skipped") return "skipped";
  if (verdict.kind === "passed") return isKnown ? "PASSES NOW" : "passed";
  return isKnown ? "known to fail" : "FAILED";
}

/** `"known to fail  gc-with-list  GC removes … (unknown CNI_COMMAND: GC)"`. */
export function caseLine(report: CaseReport, expected: ExpectedFailures): string {
  const { id, title, verdict } = report;
  const standing = standingOf(report, expected);
  const reason = verdict.kind === "passed" ? "" : `\n${" ".repeat(16)}${expected[id] ?? verdict.reason}`;
  const found =
    standing === "known to fail" && verdict.kind === "failed" ? `\n${" ".repeat(16)}found: ${verdict.reason}` : "";
  return `${standing.padEnd(14)}  ${id}: ${title}${reason}${found}`;
}

export interface Summary {
  /** One line for people. */
  readonly line: string;
  /** Whether every case ended as it is known to end, and no known failure names a case that there is not. */
  readonly asExpected: boolean;
}

export function summaryOf(
  reports: readonly CaseReport[],
  expected: ExpectedFailures,
  known: readonly string[],
): Summary {
  const count = (standing: Standing): number =>
    reports.filter((each) => standingOf(each, expected) === standing).length;
  const [failed, passesNow] = [count("FAILED"), count("PASSES NOW")];
  const stale = Object.keys(expected).filter((id) => !known.includes(id));
  const parts = [
    `${count("passed")} passed`,
    `${count("known to fail")} known to fail`,
    `${count("skipped")} skipped`,
    `${failed} failed`,
    ...(passesNow === 0 ? [] : [`${passesNow} known to fail that pass now: take them from the list`]),
    ...(stale.length === 0 ? [] : [`the list names no case with ${stale.join(", ")}`]),
  ];
  return { line: parts.join(", "), asExpected: failed === 0 && passesNow === 0 && stale.length === 0 };
}
