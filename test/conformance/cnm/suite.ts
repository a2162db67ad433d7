import {
  CNM_CASES,
  type CnmCase,
  type CnmCaseOptions,
  type CnmSubject,
  missingNeeds,
  type Need,
  runCnmCase,
} from "@holdfast/docker-plugin/testing";
import { type CaseReport, reasonOf, type Verdict } from "../report.ts";

/** The flag that a case wants. */
const FLAGS: Readonly<Record<Need, string>> = { address: "--address", restart: "--restart", held: "--held" };

/** Runs the cases one after the other; what one leaves is taken away before the next. */
export async function* runSuite(
  subject: CnmSubject,
  { cases = CNM_CASES, ...options }: CnmCaseOptions & { readonly cases?: readonly CnmCase[] },
): AsyncGenerator<CaseReport> {
  for (const each of cases) {
    const started = performance.now();
    const verdict = await judged(each, subject, options);
    yield { id: each.id, title: each.title, verdict, milliseconds: performance.now() - started };
  }
}

async function judged(each: CnmCase, subject: CnmSubject, options: CnmCaseOptions): Promise<Verdict> {
  const missing = missingNeeds(each, subject);
  if (missing.length > 0) {
    return { kind: "skipped", reason: `needs ${missing.map((need) => FLAGS[need]).join(" and ")}` };
  }
  try {
    await runCnmCase(each, subject, options);
    return { kind: "passed" };
  } catch (error) {
    return { kind: "failed", reason: reasonOf(error) };
  }
}
