import { having, NO_CHANGE, REALM_SETS, wiring } from "@holdfast/datapath/testing";
import { percentile } from "../statistics.ts";
import type { Ground } from "./ground.ts";
import type { Place } from "./place.ts";
import { IPTABLES_CHAIN, largeSet, withRules, withSet } from "./programs.ts";
import type { Sample, Traffic } from "./traffic.ts";

const RULES = [0, 100, 1000, 10_000];
const SERVER = "10.20.0.5";
/** Who begins all connections. */
export const CLIENT = wiring("client", "n7", ["10.20.0.6"]);
const NONE = wiring("server", "n7", [SERVER]);

/** What was measured with something in the way, each beside what was measured with nothing just before and just after it. */
export interface Cost {
  readonly name: string;
  readonly samples: readonly Sample[];
  /** To the mean of the two. */
  readonly ratios: readonly Sample[];
}

export interface Costs {
  readonly none: readonly Sample[];
  readonly costs: readonly Cost[];
  /** The containers, for what is measured next. */
  readonly client: Place;
  readonly server: string;
}

export interface CostOptions {
  readonly traffic: Traffic;
  readonly rounds: number;
  readonly members: number;
  /** A file for iptables-restore(8), of as many rules as the largest program has. */
  readonly iptables?: string | undefined;
  readonly signal: AbortSignal;
}

/** Something that is in the way of packets to the server, until it is taken away. */
interface Obstacle {
  readonly name: string;
  put(): Promise<void>;
  take(): Promise<void>;
}

/** Throughput and round trip between two containers, with programs in the way of one and with none, in turn. */
export async function measureCosts(ground: Ground, options: CostOptions, undo: AsyncDisposableStack): Promise<Costs> {
  const { driver, portion } = ground;
  const { traffic } = options;
  const obstacles = await obstaclesOn(ground, options);
  const server = undo.use(await ground.plug(NONE));
  const client = undo.use(await ground.plug(CLIENT));
  await driver.synced(options.signal);
  await traffic.answer(server);
  const take = () => traffic.sample(client, SERVER, portion);
  const measured = new Map(obstacles.map(({ name }) => [name, { samples: [] as Sample[], ratios: [] as Sample[] }]));
  await take();
  const none = [await take()];
  for (let round = 0; round < options.rounds; round++) {
    for (const obstacle of obstacles) {
      await obstacle.put();
      const found = await take();
      await obstacle.take();
      const before = none.at(-1) ?? found;
      const after = await take();
      none.push(after);
      measured.get(obstacle.name)?.samples.push(found);
      measured.get(obstacle.name)?.ratios.push({
        bandwidth: (2 * found.bandwidth) / (before.bandwidth + after.bandwidth),
        roundTrip: (2 * found.roundTrip) / (before.roundTrip + after.roundTrip),
      });
    }
  }
  return { none, costs: [...measured].map(([name, each]) => ({ name, ...each })), client, server: SERVER };
}

async function obstaclesOn({ machine, driver, policy }: Ground, options: CostOptions): Promise<readonly Obstacle[]> {
  const { members, iptables, signal } = options;
  const programs = [
    ...RULES.map((count) => [`${count} rules`, withRules(count)] as const),
    [`a set of ${members} addresses`, withSet()] as const,
  ];
  const sets = [...REALM_SETS, largeSet(members)];
  await policy.applyPolicy({ ...NO_CHANGE, sets, programs: programs.map(([, program]) => program) }, signal);
  const obstacles = programs.map(
    ([name, { id }]): Obstacle => ({
      name,
      async put() {
        await driver.attach({ ...NONE, policy: { program: id } }, signal);
        await policy.applyPolicy({ ...NO_CHANGE, endpoints: [having("server", id)] }, signal);
      },
      take: async () => void (await driver.attach(NONE, signal)),
    }),
  );
  if (iptables !== undefined) {
    obstacles.push({
      name: "iptables, 10000 rules in a row",
      put: async () => void (await machine.exec("iptables-restore", "-n", iptables)),
      async take() {
        await machine.exec("iptables", "-D", "FORWARD", "-j", IPTABLES_CHAIN);
        for (const what of ["-F", "-X"]) await machine.exec("iptables", what, IPTABLES_CHAIN);
      },
    });
  }
  return obstacles;
}

/** The median of the ratios; NaN where nothing of the name was measured. */
export function ratioOf(costs: Costs["costs"], name: string, figure: keyof Sample): number {
  const ratios = costs.find((each) => each.name === name)?.ratios ?? [];
  return percentile(
    ratios.map((each) => each[figure]),
    0.5,
  );
}
