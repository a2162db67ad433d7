import { Name } from "@holdfast/core";
import { newClaimsSchema, releasesSchema } from "@holdfast/model";
import type { Engine } from "../engine.ts";
import type { Retention } from "./book-facts.ts";
import type { Answer, BookModel } from "./book-model.ts";
import { OPERATOR, TENANT } from "./engine-harness.ts";

/** Many items in one request. */
export interface BulkAction {
  readonly kind: "bulk";
  readonly work: "claim" | "release";
  readonly mode: "all" | "each";
  readonly items: readonly {
    readonly identity: string;
    /** Of a claim. */
    readonly addresses?: string[] | undefined;
    readonly retention: Retention;
  }[];
}

/** What became of an item: addresses that were given, `"done"`, `"skipped"`, or a refusal's code. Undefined: nobody was told. */
export type Given = string | readonly string[] | undefined;

/** The request to the real thing. */
export async function doBulk({ nouns }: Engine, { work, mode, items }: BulkAction): Promise<readonly Given[]> {
  const web = Name.parse("web");
  const names = items.map(({ identity }) => ({ identity }));
  const { results } =
    work === "claim"
      ? await nouns.bulk.create(TENANT, web, newClaimsSchema.parse({ mode, items }), OPERATOR)
      : await nouns.bulk.release(TENANT, web, releasesSchema.parse({ mode, items: names }), OPERATOR);
  return results.map((result) => {
    if (result.outcome === "refused") return result.problem.code;
    return result.outcome === "done" && work === "claim" ? result.claim.addresses : result.outcome;
  });
}

/** The book after the request, with the answers that it must have given. */
export interface BulkOutcome {
  readonly model: BookModel;
  readonly answers: readonly Answer[];
}

/** The request by the rules: exact addresses before any is chosen, the second that wants the same is refused, all or nothing when that is wished. */
export function expectBulk(before: BookModel, { work, mode, items }: BulkAction, given: readonly Given[]): BulkOutcome {
  const model = before.copy();
  const rivals = rivalsAmong(items);
  const answers = new Array<Answer>(items.length);
  const numbered = items.map((item, index) => ({ ...item, index }));
  const isExact = ({ addresses }: BulkAction["items"][number]) => work === "claim" && addresses !== undefined;
  for (const item of [...numbered.filter(isExact), ...numbered.filter((other) => !isExact(other))]) {
    const { index, identity, addresses, retention } = item;
    const decide = () => (work === "claim" ? model.claim(identity, addresses, retention) : model.release(identity));
    const answer = rivals.has(index) ? "invalid_argument" : decide();
    answers[index] = answer;
    if (typeof answer === "string") continue;
    const told = given[index];
    model.chosen(identity, typeof told === "object" ? told : answer.anyOf.flatMap(([first]) => first ?? []));
  }
  const spoilt = mode === "all" && answers.some((answer) => typeof answer === "string" && answer !== "done");
  if (!spoilt) return { model, answers };
  return { model: before, answers: answers.map((answer) => (isRefusal(answer) ? answer : "skipped")) };
}

function isRefusal(answer: Answer): boolean {
  return typeof answer === "string" && answer !== "done";
}

function rivalsAmong(items: BulkAction["items"]): ReadonlySet<number> {
  const wanted = new Set<string>();
  const rivals = new Set<number>();
  for (const [index, { identity, addresses = [] }] of items.entries()) {
    const wants = [`identity ${identity}`, ...addresses];
    if (wants.some((want) => wanted.has(want))) rivals.add(index);
    else for (const want of wants) wanted.add(want);
  }
  return rivals;
}
