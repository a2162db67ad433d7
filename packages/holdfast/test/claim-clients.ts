import { createNodeFetch } from "@holdfast/http";

interface ClaimAnswer {
  readonly identity: string;
  readonly addresses: readonly string[];
}

/** What clients were told, and so have a right to. */
export interface Acknowledged {
  /** Addresses by identity: claims that are there. */
  readonly claims: Map<string, string>;
  /** Identities, never used again, whose claims are not there any more. */
  readonly gone: Set<string>;
  /** Identities of requests that nobody answered. */
  readonly open: Set<string>;
  /** Endpoint by identity: claims that are bound. */
  readonly bound: Map<string, string>;
}

const NETWORK = "/v1/tenants/default/networks/web";
export const NODES = ["h1", "h2", "h3", "h4"] as const;
/** A client that has more claims gives some back: the book is to stay small, because every start of a controller reads all of it. */
const MOST_CLAIMS = 20;

/** Clients that claim, bind and release all the time, and write down what was acknowledged. */
export class ClaimClients {
  readonly told: Acknowledged = { claims: new Map(), gone: new Set(), open: new Set(), bound: new Map() };
  readonly #base: string;
  readonly #fetch = createNodeFetch();
  readonly #claimsOf = new Map<number, string[]>();
  #running: Promise<void>[] = [];
  #paused = true;
  #names = 0;
  answered = 0;
  /** Anything that a controller must not say. */
  readonly wrong: string[] = [];

  constructor(base: string) {
    this.#base = base;
  }

  async prepare(): Promise<void> {
    const subnets = [{ prefix: "10.0.0.0/14" }];
    await this.ask("POST", "/v1/tenants/default/networks", { name: "web", kind: "vlan", cooldownSeconds: 1, subnets });
    for (const node of NODES) await this.ask("PUT", `/v1/nodes/${node}`, { version: "1.0" });
  }

  resume(clients: number): void {
    this.#paused = false;
    this.#running = Array.from({ length: clients }, (_, number) => this.#work(number));
  }

  /** No more requests; resolves when all that were sent have been answered, or will not be. */
  async pause(): Promise<void> {
    this.#paused = true;
    await Promise.all(this.#running);
  }

  /** Comes again when it is told to. @throws when no answer comes. */
  async ask(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const init =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { "content-type": "application/json" } };
    const answer = await this.#fetch(this.#base + path, { method, ...init });
    const text = await answer.text();
    if (answer.status === 429) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (this.#paused) throw new Error("told to come again, and has no time left");
      return await this.ask(method, path, body);
    }
    return { status: answer.status, json: text === "" ? undefined : JSON.parse(text) };
  }

  async #work(number: number): Promise<void> {
    const mine = this.#claimsOf.get(number) ?? [];
    this.#claimsOf.set(number, mine);
    while (!this.#paused) {
      try {
        await this.#one(number, mine);
        this.answered++;
      } catch {
        return;
      }
    }
  }

  async #one(number: number, mine: string[]): Promise<void> {
    const what = mine.length > MOST_CLAIMS ? 0.7 + 0.3 * Math.random() : Math.random();
    if (mine.length < 5 || what < 0.4) return await this.#claim([this.#name(number)], mine);
    if (what < 0.45)
      return await this.#claim(
        Array.from({ length: 20 }, () => this.#name(number)),
        mine,
      );
    const identity = mine.splice(Math.floor(Math.random() * mine.length), 1)[0] ?? "";
    if (what < 0.7) return await this.#bind(identity);
    await this.#release(what < 0.8 ? [identity, ...mine.splice(0, 10)] : [identity]);
  }

  #name(number: number): string {
    return `c${number}-${++this.#names}`;
  }

  async #claim(identities: readonly string[], mine: string[]): Promise<void> {
    for (const identity of identities) this.told.open.add(identity);
    const [first] = identities;
    // Many want the same few addresses.
    const wanted = Math.random() < 0.2 ? { addresses: [`10.3.0.${1 + Math.floor(Math.random() * 200)}`] } : {};
    const single = identities.length === 1;
    const items = identities.map((identity) => ({ identity }));
    const answer = single
      ? await this.ask("POST", `${NETWORK}/claims`, { identity: first, ...wanted })
      : await this.ask("POST", `${NETWORK}/bulk/claims`, { mode: "all", items });
    if (answer.status >= 500) throw new Error(`${answer.status}`);
    for (const identity of identities) this.told.open.delete(identity);
    if (answer.status >= 300) return;
    const made = single
      ? [answer.json as ClaimAnswer]
      : (answer.json as { results: { claim: ClaimAnswer }[] }).results.map(({ claim }) => claim);
    for (const { identity, addresses } of made) {
      this.told.claims.set(identity, addresses.join());
      mine.push(identity);
    }
  }

  async #release(identities: readonly string[]): Promise<void> {
    for (const identity of identities) {
      this.told.claims.delete(identity);
      this.told.open.add(identity);
    }
    const items = identities.map((identity) => ({ identity }));
    const answer =
      items.length === 1
        ? await this.ask("DELETE", `${NETWORK}/claims/${identities[0]}`)
        : await this.ask("POST", `${NETWORK}/bulk/releases`, { mode: "all", items });
    if (answer.status >= 500) throw new Error(`${answer.status}`);
    if (answer.status >= 300) this.wrong.push(`releasing ${identities.join()}: ${JSON.stringify(answer.json)}`);
    for (const identity of identities) {
      this.told.open.delete(identity);
      this.told.gone.add(identity);
    }
  }

  /** Is unbound and released again, or, one time in ten, stays bound. */
  async #bind(identity: string): Promise<void> {
    const node = NODES[Math.floor(Math.random() * NODES.length)] ?? "h1";
    const endpoint = `e-${identity}`;
    const body = { endpoint, tenant: "default", network: "web", identity, workload: { runtime: "docker" } };
    const bound = await this.ask("POST", `/v1/nodes/${node}/reservations`, body);
    if (bound.status >= 500) throw new Error(`${bound.status}`);
    if (bound.status >= 300) return void this.wrong.push(`binding ${identity}: ${JSON.stringify(bound.json)}`);
    this.told.bound.set(identity, endpoint);
    if (Math.random() < 0.1) return;
    this.told.bound.delete(identity);
    const transition = { phase: "released", at: new Date().toISOString(), actor: `node/${node}` };
    const reports = [{ endpoint, epoch: 1, transitions: [transition] }];
    const reported = await this.ask("POST", `/v1/nodes/${node}/reports`, { reports });
    if (reported.status >= 500) throw new Error(`${reported.status}`);
    await this.#release([identity]);
  }
}
