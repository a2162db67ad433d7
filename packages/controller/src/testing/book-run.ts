import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity, IpAddress, isHoldfastError, Name, silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { newClaimSchema, newNetworkSchema, type Phase, reservationRequestSchema } from "@holdfast/model";
import { openSqliteStore, type Store } from "@holdfast/store";
import { createEngine, type Engine } from "../engine.ts";
import { type BulkAction, doBulk, expectBulk, type Given } from "./book-bulk.ts";
import { type Answer, BookModel, COOLDOWN, NODE_TIMEOUT, NODES, RESERVATION_TIMEOUT } from "./book-model.ts";
import type { Action, Step } from "./book-steps.ts";
import { claimName, ENGINE_OPTIONS, OPERATOR, TENANT } from "./engine-harness.ts";
import { type Life, mortal } from "./mortal-store.ts";
import { ReportingNode } from "./reporting-node.ts";

const WEB = Name.parse("web");
const OPTIONS = { ...ENGINE_OPTIONS, nodeTimeout: NODE_TIMEOUT, reservationTimeout: RESERVATION_TIMEOUT };
/** Where files cost no disk, on Linux. */
const MEMORY = "/dev/shm";
/** Milliseconds between two looks that prove something: the engine's default. */
const PROOF = 60_000;
/** Turns of the event loop after which background work must have been done. */
const PATIENCE = 20_000;

/** The real thing and the model, side by side: a controller's services on a SQLite file, which end and begin again, and a clock by hand. */
export class BookRun implements AsyncDisposable {
  #model = new BookModel();
  readonly #clock = new ManualClock();
  readonly #folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), "holdfast-book-"));
  #store!: Store;
  #engine!: Engine;
  #life!: Life;

  static async start(): Promise<BookRun> {
    const run = new BookRun();
    await run.#begin();
    const subnets = [{ prefix: "10.20.0.0/28" }, { prefix: "fd00:20::/125" }];
    const body = { name: "web", kind: "vlan", cooldownSeconds: COOLDOWN / 1000, subnets };
    await run.#engine.nouns.networks.create(TENANT, newNetworkSchema.parse(body), OPERATOR);
    for (const node of NODES) await run.#both({ kind: "beat", node });
    return run;
  }

  async take(step: Step): Promise<void> {
    // No two steps at the same moment: a report's transitions are told apart by their times.
    await this.#wait(1000);
    switch (step.kind) {
      case "act":
        await this.#both(step.action);
        break;
      case "wait":
        await this.#wait(step.milliseconds);
        break;
      case "restart":
        await this.#restart();
        break;
      case "crash":
        await this.#crash(step.action, step.committed);
        break;
      case "verify":
        await this.verify();
        break;
      case "collect":
        await this.#collect(step.missing);
        break;
    }
    await this.#compare();
  }

  /** @throws Error naming what the book says of itself that does not agree. */
  async verify(): Promise<void> {
    const how = { fix: true, actor: "operator", share: 1, signal: AbortSignal.timeout(10_000) };
    for await (const message of this.#engine.nouns.verifier.round({}, how)) {
      if (message.kind !== "difference") continue;
      const { object, book, world } = message.difference;
      throw new Error(`${message.difference.kind} ${object}: ${book}, but ${world}`);
    }
  }

  /** What the nodes do not have goes in the second round, with the time of a proof between. */
  async #collect(missing: readonly string[]): Promise<void> {
    const hear = async () => {
      for (const node of NODES) await this.#both({ kind: "beat", node });
    };
    const harness = { engine: this.#engine, clock: this.#clock, node: () => Promise.resolve() };
    await hear();
    const nodes = await Promise.all(NODES.map((name) => ReportingNode.start(harness, name)));
    const { endpoints } = this.#engine.platform.state;
    for (const { id, node } of endpoints.values())
      if (!missing.includes(id)) nodes.find(({ name }) => name === node)?.has(id);
    const how = { fix: true, actor: "operator", share: 1, signal: AbortSignal.timeout(10_000) };
    const round = () => Array.fromAsync(this.#engine.nouns.verifier.round({}, how));
    await round();
    await this.#wait(PROOF);
    await hear();
    await round();
    this.#model.collect(missing.filter((id) => this.#model.nodeOf(id) !== undefined));
    await Promise.all(nodes.map((node) => node.disconnect()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#engine.stop();
    await this.#store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #begin(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<"ended">();
    this.#life = { endsAt: undefined, ended: { promise, resolve, reject } };
    const dependencies = { clock: this.#clock, logger: silentLogger };
    // What is acknowledged has to outlive this process's controllers, not this machine.
    this.#store = await openSqliteStore(dependencies, { path: join(this.#folder, "book.db"), survives: "process-end" });
    this.#engine = createEngine({ ...dependencies, store: mortal(this.#store, this.#life) }, OPTIONS);
    await this.#engine.start();
  }

  async #wait(milliseconds: number): Promise<void> {
    this.#model.advance(milliseconds);
    this.#clock.advance(milliseconds);
    await this.#compare();
  }

  async #restart(): Promise<void> {
    // A controller that has ended never gets to stop what it waits for.
    void this.#engine.stop();
    await this.#store.close();
    await this.#begin();
    this.#model.restart();
  }

  async #crash(action: Action, committed: boolean): Promise<void> {
    if (action.kind === "bulk") return await this.#crashInBulk(action, committed);
    this.#life.endsAt = committed ? "after" : "before";
    const before = this.#model.copy();
    const expected = this.#expected(action);
    const done = await Promise.race([this.#life.ended.promise, this.#answerOf(action)]);
    if (done === "ended" && !committed) this.#model = before;
    await this.#restart();
    if (done !== "ended") this.#check(action, expected, done);
    else if (committed && typeof expected.answer !== "string") {
      // Nobody was told what was chosen.
      this.#choose(action, expected, this.#claimOf(expected.identity)?.addresses ?? []);
    }
  }

  async #crashInBulk(action: BulkAction, committed: boolean): Promise<void> {
    this.#life.endsAt = committed ? "after" : "before";
    const done = await Promise.race([this.#life.ended.promise, doBulk(this.#engine, action)]);
    if (done !== "ended") this.#checkBulk(action, done);
    await this.#restart();
    // Nobody was told what was chosen.
    const chosen = action.items.map(({ identity }) => this.#claimOf(identity)?.addresses);
    if (done === "ended" && committed) this.#model = expectBulk(this.#model, action, chosen).model;
  }

  /** A request of which something is refused says so of each item. */
  #checkBulk(action: BulkAction, given: readonly Given[]): void {
    const { model, answers } = expectBulk(this.#model, action, given);
    for (const [index, answer] of answers.entries()) {
      const told = given[index];
      if (typeof answer === "object" && typeof told === "object") this.#checkChoice(action, answer, told);
      else if (answer !== told)
        throw new Error(
          `${JSON.stringify(action)}: item ${index} was answered ${JSON.stringify(told)}, and should be ${JSON.stringify(answer)}`,
        );
    }
    this.#model = model;
  }

  async #both(action: Action): Promise<void> {
    if (action.kind === "bulk") return this.#checkBulk(action, await doBulk(this.#engine, action));
    const expected = this.#expected(action);
    this.#check(action, expected, await this.#answerOf(action));
  }

  #check(action: Action, expected: Expected, given: string | readonly string[]): void {
    const answer = typeof given === "string" ? given : "done";
    if (typeof expected.answer !== "string" && typeof given !== "string") this.#choose(action, expected, given);
    else if (expected.answer !== answer)
      throw new Error(
        `${JSON.stringify(action)} was answered ${answer}, and should be ${JSON.stringify(expected.answer)}`,
      );
  }

  /** The book may choose, but not anything. */
  #choose(action: Action, { answer, identity }: Expected, given: readonly string[]): void {
    this.#checkChoice(action, answer as Exclude<Answer, string>, given);
    this.#model.chosen(identity, given);
  }

  #checkChoice(action: Action, { anyOf }: Exclude<Answer, string>, given: readonly string[]): void {
    // IPv4 comes first, whatever the order that was asked for.
    const fits = given.length === anyOf.length && anyOf.every((choices) => choices.some((one) => given.includes(one)));
    if (!fits) throw new Error(`${JSON.stringify(action)} was given ${given.join()}, of ${JSON.stringify(anyOf)}`);
  }

  #expected(action: Exclude<Action, BulkAction>): Expected {
    const model = this.#model;
    switch (action.kind) {
      case "claim":
        return { answer: model.claim(action.identity, action.addresses, action.retention), identity: action.identity };
      case "release":
        return { answer: model.release(action.identity), identity: "" };
      case "keep":
        return { answer: model.keep(action.identity, action.retention), identity: "" };
      case "move":
        return { answer: model.move(action.identity, action.node, action.force), identity: "" };
      case "reserve":
        return model.reserve(action.node, action.endpoint, action.wish);
      case "report": {
        const { node, epoch } = this.#reporter(action);
        return { answer: model.report(node, action.endpoint, epoch, action.phases), identity: "" };
      }
      case "cutOff":
        return { answer: model.cutOff(action.endpoint), identity: "" };
      case "beat":
        return { answer: model.hear(action.node), identity: "" };
    }
  }

  /** A refusal's code, a report's outcome, the addresses that were given, or `"done"`. */
  async #answerOf(action: Exclude<Action, BulkAction>): Promise<string | readonly string[]> {
    try {
      return await this.#do(action);
    } catch (error) {
      if (isHoldfastError(error) && error.code !== "internal") return error.code;
      throw error;
    }
  }

  async #do(action: Exclude<Action, BulkAction>): Promise<string | readonly string[]> {
    const { claims, reservations, reports, endpoints, nodes } = this.#engine.nouns;
    switch (action.kind) {
      case "claim": {
        const { kind: _, ...body } = action;
        return (await claims.create(TENANT, WEB, newClaimSchema.parse(body), OPERATOR)).addresses;
      }
      case "release":
        await claims.release(claimName("web", action.identity), OPERATOR);
        return "done";
      case "keep":
        await claims.update(claimName("web", action.identity), { retention: action.retention }, OPERATOR);
        return "done";
      case "move": {
        const node = action.node === undefined ? undefined : Name.parse(action.node);
        await claims.move(claimName("web", action.identity), { node, force: action.force }, OPERATOR);
        return "done";
      }
      case "reserve": {
        const { endpoint, wish } = action;
        const workload = { runtime: "docker" };
        const body = reservationRequestSchema.parse({ tenant: "default", network: "web", endpoint, workload, ...wish });
        return (await reservations.reserve(Name.parse(action.node), body)).endpoint.addresses;
      }
      case "report": {
        const { node, epoch } = this.#reporter(action);
        const at = this.#clock.now().toISOString();
        const transitions = action.phases.map((phase) => ({ phase: phase as Phase, at, actor: `node/${node}` }));
        const [result] = await reports.report(Name.parse(node), [{ endpoint: action.endpoint, epoch, transitions }]);
        return result?.outcome ?? "nothing";
      }
      case "cutOff":
        await endpoints.delete(action.endpoint, OPERATOR);
        return "done";
      case "beat":
        await nodes.report(Name.parse(action.node), { version: "1.0", labels: {} });
        return "done";
    }
  }

  /** Decided before the action changes what there is. */
  #reporter({ node, endpoint, behind }: Action & { readonly kind: "report" }) {
    const known = this.#known.get(endpoint);
    return { node: node ?? known?.node ?? "h1", epoch: Math.max(1, (known?.epoch ?? 1) - behind) };
  }

  /** Endpoints as they were at the last comparison. */
  #known = new Map<string, { readonly node: string; readonly epoch: number }>();

  #claimOf(identity: string) {
    return this.#engine.platform.state.network(TENANT, WEB)?.claims.get(Identity.parse(identity));
  }

  /** Background work may take a while; then both must be the same. */
  async #compare(): Promise<void> {
    const wanted = this.#model.lines.join("\n");
    for (let turn = 0; this.#lines.join("\n") !== wanted; turn++) {
      if (turn > PATIENCE) throw new Error(`the book has\n${this.#lines.join("\n")}\nand should have\n${wanted}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.#checkOwners();
    const { endpoints } = this.#engine.platform.state;
    this.#known = new Map([...endpoints.values()].map(({ id, node, epoch }) => [id, { node, epoch }]));
  }

  get #lines(): string[] {
    const { state } = this.#engine.platform;
    const network = state.network(TENANT, WEB);
    const began = this.#clock.now().getTime() - this.#model.now;
    const since = (time: string | undefined) => (time === undefined ? undefined : Date.parse(time) - began);
    const claims = [...(network?.claims.values() ?? [])].map((claim) => {
      const { identity, addresses, retention, epoch, binding, heldFor, expiresAt } = claim;
      const parts = [identity, addresses.join(), retention.kind, epoch, binding?.endpoint, heldFor, since(expiresAt)];
      return ["claim", ...parts].join(" ");
    });
    const endpoints = [...state.endpoints.values()].map(({ id, node, identity, epoch, phase }) =>
      ["endpoint", id, node, identity, epoch, phase].join(" "),
    );
    const resting = [...(network?.cooling.values() ?? [])].map(({ address, until, identity, node }) =>
      ["rests", address, since(until), identity, node].join(" "),
    );
    return [...claims, ...endpoints, ...resting, ...[...state.superseded.keys()].map((key) => `lost ${key}`)].sort();
  }

  /** Who has an address, the pool that gives them out, and the claims are of one mind. */
  #checkOwners(): void {
    const { state, pools } = this.#engine.platform;
    const network = state.network(TENANT, WEB);
    if (network === undefined) return;
    for (const { identity, addresses } of network.claims.values()) {
      for (const address of addresses) {
        if (network.addresses.get(address) !== identity) throw new Error(`${address} does not belong to ${identity}`);
        const inPool = pools.stateOf(network, IpAddress.parse(address));
        if (inPool !== "used") throw new Error(`${address} of ${identity} is ${inPool} in the pool`);
      }
    }
    const used = pools.utilisation(network).reduce((sum, one) => sum + one.used, 0);
    const claimed = [...network.claims.values()].flatMap(({ addresses }) => addresses).length;
    if (used !== claimed) throw new Error(`the pool counts ${used} addresses as used, the claims have ${claimed}`);
  }
}

interface Expected {
  readonly answer: Answer;
  /** Whose claim is made or bound. */
  readonly identity: string;
}
