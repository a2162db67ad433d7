import { IpAddress } from "@holdfast/core";
import { ControllerProcess } from "./controller-process.ts";
import { Machine } from "./machine.ts";
import { IDENTITIES, Operator } from "./operator.ts";
import { Runtime, type Wish } from "./runtime.ts";
import { Scheduler } from "./scheduler.ts";
import { SharedStore } from "./shared-store.ts";
import { createFetch } from "./transport.ts";

/** Everything there is in a scenario, and what may be done to it. Nothing here decides when. */
export class World {
  readonly scheduler: Scheduler;
  readonly store: SharedStore;
  readonly controllers: readonly ControllerProcess[];
  readonly runtimes: readonly Runtime[];
  readonly operator: Operator;
  /** No more misfortunes. */
  calm = false;

  constructor(seed: number) {
    const scheduler = new Scheduler(seed);
    this.scheduler = scheduler;
    this.store = new SharedStore(scheduler);
    this.store.calm = () => this.calm;
    const named = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, index) => `${prefix}${index + 1}`);
    this.controllers = named("c", 1 + scheduler.below(3)).map(
      (name) => new ControllerProcess(name, scheduler, this.store),
    );
    const machines = new Map<string, Machine>();
    const common = { scheduler, controllers: this.controllers, calm: () => this.calm };
    const fetchOf: ConstructorParameters<typeof Machine>[2] = (process, way) => {
      const machine = machines.get(process.name.split(".")[0] ?? "");
      const served = ({ method }: { readonly method: string }, since: number): void => {
        if (machine !== undefined && method !== "GET") machine.lastServed = Math.max(since, machine.lastServed ?? 0);
      };
      return createFetch({ ...common, served }, process, way);
    };
    this.runtimes = named("h", 2 + scheduler.below(2)).map((name) => {
      const machine = new Machine(name, scheduler, fetchOf);
      machines.set(name, machine);
      const preferred = scheduler.chance(0.7) ? scheduler.pick(this.controllers) : undefined;
      if (preferred !== undefined) machine.way.preferred = preferred;
      return new Runtime(machine, scheduler);
    });
    this.operator = new Operator(scheduler, fetchOf);
  }

  get machines(): readonly Machine[] {
    return this.runtimes.map(({ machine }) => machine);
  }

  /** Somebody wants something. Goes on by itself, as far as events let it. */
  act(): void {
    const { scheduler, operator } = this;
    const runtime = scheduler.pick(this.runtimes);
    const identity = scheduler.pick(IDENTITIES);
    if (runtime === undefined || identity === undefined) return;
    const what = scheduler.below(20);
    if (what < 7) void runtime.start(this.#wish());
    else if (what < 12) void runtime.stop();
    else if (what < 14) void runtime.observe();
    else if (what < 17) void operator.claim(identity, scheduler.chance(0.5) ? [this.#address()] : undefined);
    else if (what < 18) void operator.release(identity);
    else if (what < 19) {
      const node = scheduler.chance(0.5) ? scheduler.pick(this.machines)?.name : undefined;
      void operator.move(identity, node, scheduler.chance(0.5));
    } else if (operator.probed && scheduler.chance(0.3)) void operator.releaseQuarantine(this.#address());
    else if (scheduler.chance(0.3)) void this.#verify();
    else {
      const endpoint = scheduler.pick(this.machines.flatMap(({ driver }) => [...driver.attached.keys()]));
      if (endpoint !== undefined && scheduler.chance(0.3)) void operator.cutOff(endpoint);
    }
  }

  /** Something goes wrong, or is put right. */
  disturb(): void {
    const { scheduler } = this;
    const machine = scheduler.pick(this.machines);
    const controller = scheduler.pick(this.controllers);
    if (machine === undefined || controller === undefined) return;
    const clock = scheduler.chance(0.5) ? machine.wall : controller.wall;
    switch (scheduler.below(6)) {
      case 0:
        scheduler.note(`${controller.name} ${controller.process === undefined ? "starts" : "is killed"}`);
        if (controller.process === undefined) controller.start();
        else controller.kill();
        break;
      case 1:
        scheduler.note(`the agent of ${machine.name} ${machine.process === undefined ? "starts" : "is killed"}`);
        if (machine.process === undefined) machine.startAgent();
        else machine.killAgent();
        break;
      case 2:
        machine.way.cut = !machine.way.cut;
        scheduler.note(`the way of ${machine.name} is ${machine.way.cut ? "cut" : "mended"}`);
        break;
      case 3:
        controller.store.down = !controller.store.down;
        scheduler.note(`the store of ${controller.name} is ${controller.store.down ? "away" : "back"}`);
        break;
      case 4:
        clock.offset += (scheduler.random() - 0.5) * 20_000;
        scheduler.note("a wall clock is set");
        break;
      default:
        scheduler.note("time goes on");
        scheduler.advance(scheduler.below(scheduler.chance(0.3) ? 30_000 : 3000));
    }
  }

  /** Everything runs and reaches everything, and no message gets lost any more. */
  mend(): void {
    this.calm = true;
    for (const controller of this.controllers) {
      controller.store.down = false;
      if (controller.broken !== undefined) controller.kill();
      if (controller.process === undefined) controller.start();
    }
    for (const machine of this.machines) {
      machine.way.cut = false;
      if (machine.process === undefined) machine.startAgent();
    }
  }

  /** A controller compares the book with the world, and repairs what is proven. */
  async #verify(): Promise<void> {
    const { engine, process } = this.scheduler.pick(this.controllers) ?? {};
    if (engine === undefined || process === undefined) return;
    const how = { fix: true, actor: "operator", share: 1, signal: process.end };
    try {
      for await (const message of engine.nouns.verifier.round({}, how))
        this.scheduler.note(`verify: ${JSON.stringify(message)}`);
    } catch {
      // It was cut short.
    }
  }

  #wish(): Wish {
    const { scheduler } = this;
    const identity = scheduler.pick(IDENTITIES);
    const what = scheduler.below(5);
    if (what < 2 && identity !== undefined) return { identity, ...(what === 0 ? { identityIsHint: true } : {}) };
    return what < 3 ? { address: this.#address() } : {};
  }

  /** One of a few, so that many want the same. */
  #address(): IpAddress {
    return IpAddress.parse(`10.20.0.${2 + this.scheduler.below(4)}`);
  }
}
