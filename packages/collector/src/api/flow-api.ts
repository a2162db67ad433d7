import type { IncomingMessage, ServerResponse } from "node:http";
import { type Clock, HoldfastError, type Logger } from "@holdfast/core";
import {
  flowRoutes,
  parsePart,
  type Route,
  type RouteRequest,
  type Routes,
  samplesCsv,
  seriesCsv,
  topCsv,
} from "@holdfast/model";
import type { PortCounters } from "../counters/port-counters.ts";
import type { FlowStore, TierSettings } from "../store/store.ts";
import { flowMatrix, flowSeries, topFlows } from "./answers.ts";
import { createAskerCheck } from "./asker.ts";
import { flowDrops } from "./drops.ts";
import { isOfTime, pastCounters } from "./past-counters.ts";
import { sendProblem } from "./problem.ts";
import { flowSamples } from "./samples.ts";
import type { Tail } from "./tail.ts";

export interface FlowApiDependencies {
  /** Undefined: nothing is kept. */
  readonly store: FlowStore | undefined;
  readonly tail: Tail;
  readonly ports: Pick<PortCounters, "list">;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface FlowApiOptions {
  readonly tiers: TierSettings;
  /** That questions must carry. Undefined: nobody may ask but this machine. */
  readonly token: string | undefined;
}

/** Answers questions about flows. False: the path is none. */
export type FlowApi = (request: IncomingMessage, response: ServerResponse) => boolean;

type Query<K extends keyof Routes> = RouteRequest<Routes[K]>["query"];

/** What came out: JSON, or text of another kind. */
interface Reply {
  readonly type: string;
  readonly body: string;
}

export function createFlowApi(
  { store, tail, ports, clock, logger }: FlowApiDependencies,
  options: FlowApiOptions,
): FlowApi {
  const checkAsker = createAskerCheck(options.token);
  const moment = () => ({ now: clock.now().getTime(), newest: kept().state().newest, tiers: options.tiers });

  function kept(): FlowStore {
    if (store !== undefined) return store;
    throw new HoldfastError("precondition_failed", "this collector keeps no traffic; start it with --store FILE");
  }

  const answers: Readonly<Record<string, (query: never) => Promise<Reply>>> = {
    topFlows: async (query: Query<"topFlows">) => table(query.format, await topFlows(kept(), query, moment()), topCsv),
    flowMatrix: async (query: Query<"flowMatrix">) =>
      table(query.format, await flowMatrix(kept(), query, moment()), topCsv),
    flowSeries: async (query: Query<"flowSeries">) =>
      table(query.format, await flowSeries(kept(), query, moment()), seriesCsv),
    flowCounters: async (query: Query<"flowCounters">) => ({
      type: "application/json",
      body: JSON.stringify(isOfTime(query) ? await pastCounters(kept(), query, moment()) : ports.list(query)),
    }),
    flowDrops: async (query: Query<"flowDrops">) => ({
      type: "application/json",
      body: JSON.stringify(await flowDrops(kept(), query, moment())),
    }),
    flowSamples: async (query: Query<"flowSamples">) =>
      table(query.format, await flowSamples(kept(), query, moment()), ({ items }) => samplesCsv(items)),
  };

  async function answer(route: Route, query: unknown, response: ServerResponse): Promise<void> {
    if (route.id === "tailFlows") return tail.follow(query as Query<"tailFlows">, response);
    const { type, body } = await (answers[route.id] as (query: unknown) => Promise<Reply>)(query);
    response.writeHead(200, { "content-type": `${type}; charset=utf-8` }).end(body);
  }

  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://collector");
    const route = Object.values<Route>(flowRoutes).find(({ path }) => path === url.pathname);
    if (route === undefined) return false;
    void (async () => {
      try {
        checkAsker(request);
        if (request.method !== route.method) {
          const why = `${request.method} is not possible on ${url.pathname}; use ${route.method}`;
          throw new HoldfastError("invalid_argument", why);
        }
        await answer(route, parsePart(route.query, Object.fromEntries(url.searchParams), "query"), response);
      } catch (error) {
        sendProblem(response, error, logger);
      }
    })();
    return true;
  };
}

function table<T>(format: "json" | "csv", value: T, csv: (value: T) => string): Reply {
  if (format === "csv") return { type: "text/csv", body: csv(value) };
  return { type: "application/json", body: JSON.stringify(value) };
}
