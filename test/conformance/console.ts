import { readFile } from "node:fs/promises";
import { type CaseReport, caseLine, type ExpectedFailures, standingOf, summaryOf } from "./report.ts";

export interface SuiteCase {
  readonly id: string;
  readonly title: string;
}

/** Prints a line. */
export function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

export function sayCases(cases: readonly SuiteCase[]): void {
  for (const { id, title } of cases) say(`${id}: ${title}`);
}

/** Failures that are known. Without a file: none. */
export async function readExpected(file: string | undefined): Promise<ExpectedFailures> {
  return file === undefined ? {} : (JSON.parse(await readFile(file, "utf8")) as ExpectedFailures);
}

export interface Saying {
  /** Whose reports they are. */
  readonly subject: string;
  readonly expected: ExpectedFailures;
  /** All cases that there are. */
  readonly cases: readonly SuiteCase[];
  /** Only what has not just passed. */
  readonly failures: boolean;
}

/** Prints each case as it ends, and the sum. Gives whether all ended as they are known to end. */
export async function sayReports(ended: AsyncIterable<CaseReport>, saying: Saying): Promise<boolean> {
  const { subject, expected, cases, failures } = saying;
  const reports: CaseReport[] = [];
  for await (const report of ended) {
    reports.push(report);
    if (!failures || standingOf(report, expected) !== "passed") say(caseLine(report, expected));
  }
  const known = cases.map(({ id }) => id);
  const { line, asExpected } = summaryOf(reports, expected, known);
  say(`${subject}: ${line}`);
  return asExpected;
}
