import type { FetchLike, ResponseLike } from "@holdfast/client";

/** A node's way to its controller that a test can cut, also in the middle of a request. */
export class FaultyLink {
  /** Feeds that were opened while they were mute. */
  muteFeeds = 0;
  /** Requests that were swallowed. */
  swallowed = 0;
  #isDown = false;
  #isMute = false;
  #loses: (request: string) => boolean = () => false;
  #swallows: (request: string) => boolean = () => false;
  #holds: (request: string) => Promise<void> | undefined = () => undefined;
  #cut = new AbortController();

  get isDown(): boolean {
    return this.#isDown;
  }

  /** Nobody is reached, and what is under way breaks off. */
  cut(): void {
    this.#isDown = true;
    this.breakOff();
  }

  /** Connections are reset; new ones are possible. */
  breakOff(): void {
    this.#cut.abort(new TypeError("connection reset"));
    this.#cut = new AbortController();
  }

  mend(): void {
    this.#isDown = false;
    this.#isMute = false;
    this.#loses = () => false;
    this.#swallows = () => false;
  }

  /** Requests whose path and body match arrive, and their answers do not. */
  loseAnswers(match: RegExp): void {
    this.#loses = (request) => match.test(request);
  }

  /** Requests whose path and body match wait on their way until `go` is called. */
  hold(match: RegExp): { go(): void } {
    const gate = Promise.withResolvers<void>();
    this.#holds = (request) => (match.test(request) ? gate.promise : undefined);
    return {
      go: () => {
        this.#holds = () => undefined;
        gate.resolve();
      },
    };
  }

  /** Requests whose path and body match are never answered, nor broken off. */
  swallow(match: RegExp): void {
    this.#swallows = (request) => match.test(request);
  }

  /** Feeds are opened and never say a word, as when the controller's machine has died. */
  mute(): void {
    this.#isMute = true;
  }

  readonly fetch: FetchLike = async (url, options): Promise<ResponseLike> => {
    if (this.#isDown) throw refused();
    const signal = AbortSignal.any([options.signal, this.#cut.signal]);
    await this.#holds(`${url} ${options.body ?? ""}`);
    if (this.#swallows(`${url} ${options.body ?? ""}`)) return await this.#never(signal);
    const response = await fetch(url, { ...options, signal });
    if (this.#isMute && /\/feed(\?|$)/.test(url)) return await this.#silent(response, signal);
    if (!this.#loses(`${url} ${options.body ?? ""}`)) return response;
    await response.body?.cancel();
    throw new TypeError("connection reset");
  };

  #never(signal: AbortSignal): Promise<ResponseLike> {
    this.swallowed += 1;
    return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason), { once: true }));
  }

  async #silent(response: Response, signal: AbortSignal): Promise<ResponseLike> {
    this.muteFeeds += 1;
    await response.body?.cancel();
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => signal.addEventListener("abort", () => controller.error(signal.reason), { once: true }),
    });
    return { ok: true, status: 200, body, text: () => Promise.resolve("") };
  }
}

/** As `fetch` says that nobody listens. */
function refused(): TypeError {
  const cause = Object.assign(new Error("connect ECONNREFUSED"), { code: "ECONNREFUSED", syscall: "connect" });
  return new TypeError("fetch failed", { cause });
}
