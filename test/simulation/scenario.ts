import { createHash } from "node:crypto";
import { differences, Invariants } from "./invariants.ts";
import { forbidTimeAndChance } from "./tripwires.ts";
import { World } from "./world.ts";

export interface ScenarioOptions {
  readonly seed: number;
  /** How often somebody does something, something goes wrong, or an event happens, before everything is mended. */
  readonly steps: number;
}

export interface Outcome {
  /** Of everything that has happened: the same for the same seed, steps and program. */
  readonly digest: string;
  readonly events: number;
  readonly trace: readonly string[];
  /** What did not hold; undefined: everything did. */
  readonly failure: string | undefined;
}

/** Milliseconds of the simulation after which everything must have come to rest. */
const REST_LIMIT = 600_000;
/** Far more than any scenario needs: somebody turns in circles. */
const MOST_EVENTS = 30_000;

/** One world from its beginning to its end: it works and suffers, is mended and must come to rest, is cleared and must leave nothing behind. */
export async function runScenario({ seed, steps }: ScenarioOptions): Promise<Outcome> {
  const allow = forbidTimeAndChance();
  const world = new World(seed);
  const onRejection = (error: unknown): void => {
    failure ??= `nobody caught: ${error instanceof Error ? error.stack : String(error)}`;
  };
  let failure: string | undefined;
  process.on("unhandledRejection", onRejection);
  try {
    const invariants = new Invariants(world);
    await begin(world, invariants);
    await suffer(world, invariants, steps);
    await comeToRest(world, invariants, () => differences(world));
    await clear(world, invariants);
  } catch (error) {
    failure ??= error instanceof Error && error.constructor !== Error ? `${error.stack}` : String(error);
  } finally {
    process.off("unhandledRejection", onRejection);
    allow();
  }
  const { trace } = world.scheduler;
  const digest = createHash("sha256").update(trace.join("\n")).digest("hex").slice(0, 16);
  return { digest, events: trace.length, trace, failure };
}

/** Controllers and agents start, and the network is made. */
async function begin(world: World, invariants: Invariants): Promise<void> {
  const { scheduler } = world;
  for (const controller of world.controllers) controller.start();
  for (const machine of world.machines) machine.startAgent();
  let ready = false;
  void world.operator.prepare().then(() => {
    ready = true;
  });
  world.calm = true;
  while (!ready) await happen(world, invariants);
  world.calm = false;
  scheduler.note("the network is there");
}

async function suffer(world: World, invariants: Invariants, steps: number): Promise<void> {
  const { scheduler } = world;
  const trouble = scheduler.random() * 0.03;
  for (let step = 0; step < steps; step++) {
    if (scheduler.chance(trouble)) world.disturb();
    else if (scheduler.chance(0.06)) world.act();
    else if (scheduler.chance(0.03)) scheduler.advance();
    await happen(world, invariants);
  }
}

/** The next event; when there is none, time goes on to the next. */
async function happen(world: World, invariants: Invariants): Promise<void> {
  const { scheduler } = world;
  if (scheduler.trace.length > MOST_EVENTS) throw new Error(`${MOST_EVENTS} events, and no rest`);
  if (scheduler.idle) scheduler.advance();
  await scheduler.step();
  invariants.check();
}

async function comeToRest(world: World, invariants: Invariants, rest: () => readonly string[]): Promise<void> {
  const { scheduler } = world;
  const deadline = scheduler.time + REST_LIMIT;
  scheduler.note("everything is mended");
  for (;;) {
    world.mend();
    await scheduler.settle();
    while (!scheduler.idle) await happen(world, invariants);
    for (const runtime of world.runtimes) void runtime.observe();
    await scheduler.settle();
    if (!scheduler.idle) continue;
    const found = rest();
    if (found.length === 0) return;
    if (scheduler.time > deadline) throw new Error(`does not come to rest: ${found.join("; ")}`);
    scheduler.advance();
  }
}

/** All containers go; then nothing may be left but what was claimed by hand. */
async function clear(world: World, invariants: Invariants): Promise<void> {
  for (const runtime of world.runtimes) runtime.forgetAll();
  await comeToRest(world, invariants, () => [...differences(world), ...leftBehind(world)]);
}

function leftBehind({ store, machines }: World): readonly string[] {
  const left = ["endpoints/", "cooling/", "claims/default/web/ephemeral/"].flatMap((prefix) =>
    store.under(prefix).map(({ key }) => key),
  );
  const books = machines.flatMap(({ disk }) => [...disk.entries.keys()].filter((key) => key.startsWith("endpoint/")));
  const wires = machines.flatMap(({ driver }) => [...driver.attached.keys()]);
  return [...left, ...books, ...wires].map((key) => `${key} is left`);
}
