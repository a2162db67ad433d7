import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Identity, Name, silentLogger } from "@holdfast/core";
import { ManualClock } from "@holdfast/core/testing";
import { newNetworkSchema } from "@holdfast/model";
import { openSqliteStore, type Store } from "@holdfast/store";
import { createEngine, type Engine } from "../engine.ts";
import { type BulkAction, doBulk, expectBulk, type Given } from "./book-bulk.ts";
import { bookLines, checkOwners } from "./book-compare.ts";
import { COOLDOWN, NODE_TIMEOUT, NODES, RESERVATION_TIMEOUT } from "./book-facts.ts";
import { type Answer, BookModel } from "./book-model.ts";
import { type Answered, doSingle, type Expected, expectSingle, type KnownEndpoints } from "./book-single.ts";
import type { Action, Step } from "./book-steps.ts";
import { ENGINE_OPTIONS, OPERATOR, TENANT } from "./engine-harness.ts";
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
    this.#model.facts.advance(milliseconds);
    this.#clock.advance(milliseconds);
    await this.#compare();
  }

  async #restart(): Promise<void> {
    // A controller that has ended never gets to stop what it waits for.
    void this.#engine.stop();
    await this.#store.close();
    await this.#begin();
    this.#model.facts.restart();
  }

  async #crash(action: Action, committed: boolean): Promise<void> {
    if (action.kind === "bulk") return await this.#crashInBulk(action, committed);
    this.#life.endsAt = committed ? "after" : "before";
    const before = this.#model.copy();
    const expected = expectSingle(this.#model, action, this.#known);
    const done = await Promise.race([
      this.#life.ended.promise,
      doSingle(this.#engine, this.#clock, action, this.#known),
    ]);
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
    const expected = expectSingle(this.#model, action, this.#known);
    this.#check(action, expected, await doSingle(this.#engine, this.#clock, action, this.#known));
  }

  #check(action: Action, expected: Expected, given: Answered): void {
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

  /** Endpoints as they were at the last comparison. */
  #known: KnownEndpoints = new Map();

  #claimOf(identity: string) {
    return this.#engine.platform.state.network(TENANT, WEB)?.claims.get(Identity.parse(identity));
  }

  /** Background work may take a while; then both must be the same. */
  async #compare(): Promise<void> {
    const { lines: rules, now } = this.#model.facts;
    const wanted = rules.join("\n");
    const began = this.#clock.now().getTime() - now;
    const had = () => bookLines(this.#engine, began).join("\n");
    for (let turn = 0; had() !== wanted; turn++) {
      if (turn > PATIENCE) throw new Error(`the book has\n${had()}\nand should have\n${wanted}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    checkOwners(this.#engine);
    const { endpoints } = this.#engine.platform.state;
    this.#known = new Map([...endpoints.values()].map(({ id, node, epoch }) => [id, { node, epoch }]));
  }
}
