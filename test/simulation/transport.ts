import type { FetchLike, ResponseLike } from "@holdfast/client";
import type { Answer, ControllerProcess, Request } from "./controller-process.ts";
import { never, type SimulatedProcess } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";

/** A machine's way to the controllers. */
export interface Way {
  /** Nothing passes. */
  cut: boolean;
  /** The controller that its requests go to when they can; absent: any. */
  preferred?: ControllerProcess;
}

/** How likely each misfortune of a message is. */
const LOST = 0.01;
const TWICE = 0.02;
const ARRIVES_WITHOUT_SENDER = 0.5;

export interface TransportDependencies {
  readonly scheduler: Scheduler;
  readonly controllers: readonly ControllerProcess[];
  /** No misfortune any more, other than that of partitions. */
  readonly calm: () => boolean;
  /** A controller has taken a request and said yes. `since`: when it arrived. */
  readonly served?: (request: Request, since: number) => void;
}

/** Requests to the controllers as events: lost, late, twice, to whichever controller there is, from callers that have gone. */
export function createFetch(
  { scheduler, controllers, calm, served = () => undefined }: TransportDependencies,
  process: SimulatedProcess,
  way: Way,
): FetchLike {
  const unlucky = (probability: number) => !calm() && scheduler.chance(probability);

  function choose(): ControllerProcess | undefined {
    if (way.cut) return undefined;
    const up = controllers.filter(({ isUp }) => isUp);
    const { preferred } = way;
    if (preferred !== undefined && up.includes(preferred) && !unlucky(0.1)) return preferred;
    return scheduler.pick(up);
  }

  async function arrive(request: Request, to: ControllerProcess): Promise<Answer> {
    const since = scheduler.time;
    const answer = await to.handle(request, () => way.cut);
    if (answer.status < 300) served(request, since);
    return answer;
  }

  function send(request: Request, to: ControllerProcess, settle: PromiseWithResolvers<Answer>): void {
    const label = `${request.method} ${request.url}`;
    const reset = (): void => settle.reject(new TypeError("connection reset"));
    scheduler.add(undefined, `${to.name}: ${process.name} ${label} ${request.body ?? ""}`, () => {
      if (process.ended && !scheduler.chance(ARRIVES_WITHOUT_SENDER)) return;
      if (way.cut || unlucky(LOST)) {
        if (scheduler.chance(0.5)) reset();
        return;
      }
      if (!to.isUp) return reset();
      to.process?.end.addEventListener("abort", () => scheduler.add(process, `${process.name}: reset`, reset), {
        once: true,
      });
      arrive(request, to).then(
        (answer) =>
          scheduler.add(process, `${process.name}: ${answer.status} to ${label}`, () => {
            if (!way.cut && !unlucky(LOST)) settle.resolve(answer);
            else if (scheduler.chance(0.5)) reset();
          }),
        (error: unknown) => scheduler.add(process, `${process.name}: failure of ${label}`, () => settle.reject(error)),
      );
    });
  }

  return (url, options) => {
    if (process.ended) return never();
    const { method, headers, body } = options;
    const request = { method, headers, url: url.replace("http://controllers", ""), body };
    const settle = Promise.withResolvers<Answer>();
    const { signal } = options;
    const onAbort = (): void => settle.reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    const to = choose();
    if (to === undefined) scheduler.add(process, `${process.name}: nobody answers`, () => settle.reject(refused()));
    else {
      send(request, to, settle);
      const another = unlucky(TWICE) && !request.url.endsWith("/feed") ? choose() : undefined;
      if (another !== undefined) send(request, another, deaf());
    }
    return settle.promise.then((answer) => responseOf(answer, signal));
  };
}

/** For the copy of a request: nobody hears what becomes of it. */
function deaf(): PromiseWithResolvers<Answer> {
  const copy = Promise.withResolvers<Answer>();
  copy.promise.catch(() => undefined);
  return copy;
}

function responseOf({ status, text, pipe }: Answer, signal: AbortSignal): ResponseLike {
  return {
    ok: status < 300,
    status,
    text: () => Promise.resolve(text),
    body: pipe === undefined ? null : pipe.input(signal),
  };
}

/** As `fetch` says that nobody listens. */
function refused(): TypeError {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
  return new TypeError("fetch failed", { cause });
}
