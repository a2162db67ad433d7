import type { IncomingMessage, ServerResponse } from "node:http";
import { HoldfastError, type Logger } from "@holdfast/core";
import { alarmRoutes, parsePart, type Route, type RouteRequest, type Routes } from "@holdfast/model";
import type { Alarms } from "../alarms/alarms.ts";
import type { CheckAsker } from "./asker.ts";
import { sendProblem } from "./problem.ts";

/** Answers what is asked about alarms. False: the path is none of theirs. */
export type AlarmApi = (request: IncomingMessage, response: ServerResponse) => boolean;

export interface AlarmApiDependencies {
  /** Undefined: this collector keeps none. */
  readonly alarms: Alarms | undefined;
  readonly checkAsker: CheckAsker;
  readonly logger: Logger;
}

type Request<K extends keyof Routes> = RouteRequest<Routes[K]>;

const MOST_BODY_BYTES = 64 * 1024;

const ROUTES = Object.values<Route>(alarmRoutes).map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace("{alarm}", "(?<alarm>[^/]+)")}$`),
}));

export function createAlarmApi({ alarms, checkAsker, logger }: AlarmApiDependencies): AlarmApi {
  function kept(): Alarms {
    if (alarms !== undefined) return alarms;
    throw new HoldfastError("precondition_failed", "this collector keeps no alarms; start it with --alarms FILE");
  }

  const nameOf = ({ params, query }: Pick<Request<"getFlowAlarm">, "params" | "query">) => ({
    name: params.alarm,
    tenant: query.tenant,
  });

  const answers: Readonly<Record<string, (request: never, signal: AbortSignal) => unknown>> = {
    putFlowAlarm: (request: Request<"putFlowAlarm">) => kept().put(nameOf(request), request.body),
    listFlowAlarms: ({ query }: Request<"listFlowAlarms">) => kept().list(query),
    flowAlarmHistory: ({ query }: Request<"flowAlarmHistory">) => kept().history(query),
    getFlowAlarm: (request: Request<"getFlowAlarm">) => kept().get(nameOf(request)),
    updateFlowAlarm: (request: Request<"updateFlowAlarm">) => kept().update(nameOf(request), request.body),
    testFlowAlarm: (request: Request<"testFlowAlarm">, signal) => kept().test(nameOf(request), signal),
    deleteFlowAlarm: (request: Request<"deleteFlowAlarm">) => kept().delete(nameOf(request)),
  };

  return (request, response) => {
    const url = new URL(request.url ?? "/", "http://collector");
    const here = ROUTES.flatMap(({ route, pattern }) => {
      const match = pattern.exec(url.pathname);
      return match === null ? [] : [{ route, params: match.groups ?? {} }];
    });
    if (here.length === 0) return false;
    const gone = new AbortController();
    response.once("close", () => gone.abort());
    void (async () => {
      try {
        checkAsker(request);
        const found = here.find(({ route }) => route.method === request.method);
        if (found === undefined) throw wrongMethod(request, url, here);
        const { route } = found;
        const parsed = {
          params: parsePart(route.params, decoded(found.params), "path"),
          query: parsePart(route.query, Object.fromEntries(url.searchParams), "query"),
          body: route.body && parsePart(route.body, await bodyOf(request), "body"),
        };
        const answer = await (answers[route.id] as (request: unknown, signal: AbortSignal) => unknown)(
          parsed,
          gone.signal,
        );
        sendAnswer(response, route, answer);
      } catch (error) {
        sendProblem(response, error, logger);
      }
    })();
    return true;
  };
}

function sendAnswer(response: ServerResponse, { reply, status }: Route, answer: unknown): void {
  if (reply === undefined) return void response.writeHead(status).end();
  response.writeHead(status, { "content-type": "application/json; charset=utf-8" }).end(JSON.stringify(answer));
}

function decoded(params: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(params).map(([name, text]) => {
      try {
        return [name, decodeURIComponent(text)];
      } catch {
        return [name, text];
      }
    }),
  );
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MOST_BODY_BYTES) throw new HoldfastError("too_large", `an alarm has at most ${MOST_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch (error) {
    throw new HoldfastError("invalid_argument", "the body is not JSON", { cause: error });
  }
}

function wrongMethod(
  { method }: IncomingMessage,
  { pathname }: URL,
  here: readonly { readonly route: Route }[],
): HoldfastError {
  const possible = here.map(({ route }) => route.method).join(", ");
  return new HoldfastError("invalid_argument", `${method} is not possible on ${pathname}; use ${possible}`);
}
