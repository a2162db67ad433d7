import type { PolicyChange } from "@holdfast/policy";
import { expect } from "vitest";
import type { DatapathDriver } from "../../src/driver.ts";
import type { MatrixCase } from "./cases.ts";
import type { MatrixWorld, Party } from "./matrix-world.ts";
import type { Probe, Prober } from "./prober.ts";

/** Milliseconds: what has not come by then is tried again when it should have, with more. */
const PATIENCES = [80, 300, 1500, 3000];

export interface Matrix {
  readonly world: MatrixWorld;
  /** One of each machine. */
  readonly drivers: readonly DatapathDriver[];
  /** By party. */
  readonly probers: ReadonlyMap<string, Prober>;
  /** How many probes each party sends at once. Absent: all. */
  readonly atOnce?: number;
  /** Whether one is to be tried by the other in this case. Absent: everybody is by everybody. */
  readonly tries?: (which: MatrixCase, from: Party, to: Party) => boolean;
}

interface Try {
  readonly from: Party;
  readonly to: Party;
  readonly probe: Probe;
  readonly allowed: boolean;
}

/** Brings a case into force on both machines, and has everybody try everybody else. */
export async function expectCase(
  matrix: Matrix,
  which: MatrixCase,
  verdict: "allow" | "deny",
  signal: AbortSignal,
): Promise<void> {
  await applyEverywhere(matrix.drivers, matrix.world.set(which, verdict), signal);
  const tries = allTries(matrix, which);
  const wrong: string[] = [];
  let open = tries;
  for (const patience of PATIENCES) {
    const reached = await carryOut(matrix, open, patience);
    wrong.push(
      ...open.filter((each) => reached.has(each) && !each.allowed).map((each) => `${textOf(each)} is reached`),
    );
    // Something may be lost, or late on a busy machine; what is denied never comes.
    open = open.filter((each) => each.allowed && !reached.has(each));
    if (open.length === 0 || wrong.length > 0) break;
  }
  expect([...wrong, ...open.map((each) => `${textOf(each)} is not reached`)]).toEqual([]);
}

export async function applyEverywhere(
  drivers: readonly DatapathDriver[],
  changes: readonly PolicyChange[],
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(
    drivers.map(async ({ policy }, index) => {
      const change = changes[index];
      if (change === undefined || policy === undefined) throw new TypeError("a machine enforces nothing");
      await policy.applyPolicy(change, signal);
    }),
  );
}

function allTries({ world, tries = () => true }: Matrix, which: MatrixCase): readonly Try[] {
  const pairs = world.parties.flatMap((from) =>
    world.parties.filter((to) => to !== from && tries(which, from, to)).map((to) => ({ from, to })),
  );
  return pairs.flatMap(({ from, to }) =>
    to.addresses.flatMap((address) => {
      const probes: readonly Probe[] = [
        { protocol: "tcp", to: address, who: to.id, port: 7080 },
        { protocol: "tcp", to: address, who: to.id, port: 7081 },
        { protocol: "udp", to: address, who: to.id, port: 7080 },
        // Who answers a ping is only known where one alone has the address.
        ...(world.hasTwin(from, to, address) ? [] : [{ protocol: "icmp" as const, to: address, who: to.id, port: 0 }]),
      ];
      return probes.map((probe) => ({ from, to, probe, allowed: world.allows(from, to, probe) }));
    }),
  );
}

/** Gives those that got an answer. */
async function carryOut(
  { probers, atOnce }: Matrix,
  tries: readonly Try[],
  patience: number,
): Promise<ReadonlySet<Try>> {
  const reached = await Promise.all(
    [...Map.groupBy(tries, ({ from }) => from.id)].map(async ([id, some]) => {
      const answers: boolean[] = [];
      const most = atOnce ?? some.length;
      while (answers.length < some.length) {
        const probes = some.slice(answers.length, answers.length + most).map(({ probe }) => probe);
        answers.push(...((await probers.get(id)?.round({ patience, probes })) ?? probes.map(() => false)));
      }
      return some.filter((_, index) => answers[index]);
    }),
  );
  return new Set(reached.flat());
}

function textOf({ from, to, probe: { protocol, to: address, port } }: Try): string {
  return `${from.id} to ${to.id} (${address}) by ${protocol}${port === 0 ? "" : ` ${port}`}`;
}
