import type { SampleAnswer, SamplePlan } from "../query/plan.ts";
import { sampleAnswer } from "../query/sample-values.ts";
import { type SampleDocument, sampleOf } from "./documents.ts";
import { allOf, predicateQuery } from "./predicate-query.ts";
import type { Search } from "./searching.ts";

/** Answers a plan from streams of samples, the newest first. @throws HoldfastError like the cluster */
export async function askSamples(search: Search, plan: SamplePlan): Promise<readonly SampleAnswer[]> {
  const range = { "@timestamp": { gte: plan.from, lt: plan.to } };
  const { hits } = await search({
    size: plan.limit,
    track_total_hits: false,
    query: allOf([{ range }, predicateQuery(plan.where)]),
    sort: [{ "@timestamp": "desc" }],
  });
  return hits.hits.flatMap(({ _source }) => sampleAnswer(plan, sampleOf(_source as SampleDocument)) ?? []);
}
