import { HoldfastError, silentLogger } from "@holdfast/core";
import { problemOf, type Route, routes } from "@holdfast/model";
import { createEngine, type Engine, type EngineOptions } from "../../packages/controller/src/engine.ts";
import { createHandlers } from "../../packages/controller/src/http/handlers.ts";
import { callerOf, parseRequest } from "../../packages/controller/src/http/request.ts";
import { ENGINE_OPTIONS } from "../../packages/controller/src/testing/engine-harness.ts";
import { FeedPipe } from "./feed-pipe.ts";
import { SimulatedProcess, type WallClock } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { SharedStore, StoreLink } from "./shared-store.ts";

/** Short, so that a scenario sees all of them run out. Milliseconds. */
export const OPTIONS: EngineOptions = {
  ...ENGINE_OPTIONS,
  nodeTimeout: 20_000,
  reservationTimeout: 30_000,
};

export interface Request {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
  /** Of a feed. */
  readonly pipe?: FeedPipe;
}

const ROUTES = (Object.values(routes) as Route[]).map((route) => ({
  route,
  pattern: new RegExp(`^${route.path.replace(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`),
}));

/** The real services of a controller on the shared store, with a way in that takes no socket. May be killed and started again. */
export class ControllerProcess {
  readonly name: string;
  readonly store: StoreLink = { down: false };
  readonly wall: WallClock = { offset: 0 };
  engine: Engine | undefined;
  process: SimulatedProcess | undefined;
  readonly #scheduler: Scheduler;
  readonly #shared: SharedStore;
  readonly #pipes = new Set<FeedPipe>();
  #lives = 0;

  constructor(name: string, scheduler: Scheduler, shared: SharedStore) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#shared = shared;
  }

  /** Listens, and is not about to end. */
  get isUp(): boolean {
    return this.engine !== undefined;
  }

  start(): void {
    const process = new SimulatedProcess(this.#scheduler, `${this.name}.${++this.#lives}`, this.wall);
    const store = this.#shared.connect(process, this.store);
    const nonce = `n${this.name}${this.#lives}`;
    const engine = createEngine({ store, clock: process.clock, logger: silentLogger, nonce }, OPTIONS);
    this.process = process;
    engine.start().then(
      () => {
        if (!process.ended) this.engine = engine;
      },
      () => this.kill(),
    );
  }

  kill(): void {
    this.process?.kill();
    this.process = undefined;
    this.engine = undefined;
    for (const pipe of this.#pipes) pipe.break("connection reset");
    this.#pipes.clear();
  }

  /** Why it should be started again by whoever looks after it; undefined: it serves, or is about to. */
  get broken(): string | undefined {
    return this.engine?.broken;
  }

  /** @throws TypeError nobody listens. */
  async handle({ method, url, headers, body }: Request, isMute: () => boolean): Promise<Answer> {
    const { engine } = this;
    if (engine === undefined) throw new TypeError("connection reset");
    const [path = "", query = ""] = url.split("?");
    const found = ROUTES.find(({ route, pattern }) => route.method === method && pattern.test(path));
    if (found === undefined) return { status: 404, text: "" };
    const { route, pattern } = found;
    const params = Object.entries(pattern.exec(path)?.groups ?? {}).map(([name, value]) => [
      name,
      decodeURIComponent(value),
    ]);
    const raw = {
      params: Object.fromEntries(params),
      query: Object.fromEntries(new URLSearchParams(query)),
      body: body === undefined ? undefined : JSON.parse(body),
      headers,
      url,
      id: "simulated",
    } as unknown as Parameters<typeof parseRequest>[1];
    try {
      const request = parseRequest(route, raw);
      if (route.id === "followNode") return this.#follow(engine, request, isMute);
      const handlers = createHandlers(engine.platform, engine.nouns) as unknown as Record<string, Handler>;
      const result = await handlers[route.id]?.(request, callerOf(route, raw));
      return { status: route.status, text: result === undefined ? "" : JSON.stringify(result) };
    } catch (thrown) {
      if (!(thrown instanceof HoldfastError)) throw thrown;
      const problem = problemOf(thrown);
      return { status: problem.status, text: JSON.stringify(problem) };
    }
  }

  #follow(engine: Engine, request: ReturnType<typeof parseRequest>, isMute: () => boolean): Answer {
    const { node } = request.params as { readonly node: Parameters<Engine["nouns"]["feeds"]["open"]>[0] };
    const { state, liveness } = engine.platform;
    if (!state.nodes.has(node)) throw new HoldfastError("not_found", `there is no node ${node}`);
    liveness.seen(node);
    const pipe = new FeedPipe(this.#scheduler, isMute);
    this.#pipes.add(pipe);
    const { policies } = request.query as { readonly policies?: string };
    engine.nouns.feeds.open(node, pipe.output, { policies: policies === "true" });
    return { status: 200, text: "", pipe };
  }
}

type Handler = (request: ReturnType<typeof parseRequest>, caller: ReturnType<typeof callerOf>) => unknown;
