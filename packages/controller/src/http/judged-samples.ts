import {
  type FlowSample,
  flowDropsSchema,
  flowSamplesSchema,
  type RouteRequest,
  type Routes,
  samplesCsv,
} from "@holdfast/model";
import type { FastifyReply, FastifyRequest } from "fastify";
import { createDropTimes, DROP_TIMES_BY } from "../policy/drop-times.ts";
import { type SampleVerdict, TOLD_WITHIN } from "../policy/sample-verdicts.ts";
import { askProgram, handOn, type Passing, untilGone } from "./pass-on.ts";
import type { ParsedRequest } from "./request.ts";

type Query = RouteRequest<Routes["flowSamples"]>["query"];

/** A request that another program answers, and what is known of it here. */
export interface PassedRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly passing: Passing;
}

/** Seconds between two points of drops: what nodes tell them in. */
const STEP = 10;
/** Of the points that one may ask for at once. */
const MOST_MILLISECONDS = 490 * STEP * 1000;

/** Of who asks for verdicts; all others are answered by the collector alone. */
export function judgeSamples(verdictOf: SampleVerdict) {
  return (asked: ParsedRequest, passed: PassedRequest): Promise<void> | undefined => {
    const query = asked.query as Query;
    return query.verdict === "true" ? answerJudgedSamples(query, passed, verdictOf) : undefined;
  };
}

/** Asks the collector for single packets, and for what rules dropped when they came, and adds what policies have made of each. */
async function answerJudgedSamples(
  query: Query,
  { request, reply, passing }: PassedRequest,
  verdictOf: SampleVerdict,
): Promise<void> {
  const { id } = request;
  const signal = untilGone(reply);
  const ask = (path: string, query: object): Promise<Response> =>
    askProgram({ method: "GET", path: `${path}?${queryText(query)}`, id, signal }, passing);
  const { tenant, format } = query;
  const found = await ask("/v1/flows/samples", { ...query, verdict: undefined, format: undefined });
  if (!found.ok) return handOn(found, reply, id);
  const { items } = flowSamplesSchema.parse(await found.json());
  const told = await ask("/v1/flows/drops", { ...dropsAround(items, passing), tenant });
  if (!told.ok) return handOn(told, reply, id);
  const dropped = createDropTimes(flowDropsSchema.parse(await told.json()));
  const judged = items.map((sample) => {
    const decision = verdictOf(sample, dropped);
    return decision === undefined ? sample : { ...sample, decision };
  });
  const [type, body] =
    format === "csv"
      ? ["text/csv", samplesCsv(judged, { judged: true })]
      : ["application/json", JSON.stringify({ items: judged })];
  reply.header("content-type", `${type}; charset=utf-8`).send(body);
}

/** The newest packets come first. Of those that are much older nothing is asked, and nothing told. */
function dropsAround(items: readonly FlowSample[], { clock }: Passing): object {
  const newest = Date.parse(items[0]?.at ?? clock.now().toISOString());
  const oldest = Math.max(Date.parse(items.at(-1)?.at ?? "") || newest, newest - MOST_MILLISECONDS);
  const [from, to] = [oldest, newest + TOLD_WITHIN].map((moment) => new Date(moment).toISOString());
  return { from, to, by: DROP_TIMES_BY, step: `${STEP}s`, limit: 1000 };
}

function queryText(query: object): string {
  const said = Object.entries(query).filter(([, value]) => value !== undefined);
  return new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
}
