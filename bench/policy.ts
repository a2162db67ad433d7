import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { scratchFolder } from "./ipam/scratch.ts";
import { CLIENT, type Costs, measureCosts } from "./policy/cost-of-rules.ts";
import { measureEnforcement } from "./policy/enforcement.ts";
import { type Ground, kernelGround, ovsGround } from "./policy/ground.ts";
import { measureLimits } from "./policy/limits.ts";
import { measureNeighbour } from "./policy/neighbour.ts";
import { iptablesText } from "./policy/programs.ts";
import { type DatapathFigures, report } from "./policy/report.ts";
import { createTraffic } from "./policy/traffic.ts";
import { measureWholeWay } from "./policy/whole-way.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 9);
const NEIGHBOUR_ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const MEMBERS = 100_000;
const ENDPOINTS = 200;
const CHANGES = 100;

const signal = AbortSignal.timeout(900_000);
using scratch = scratchFolder();
const table = join(scratch.path, "rules");
await writeFile(table, iptablesText(10_000));
const traffic = await createTraffic(scratch.path);

/** Everything about rules on one data path, and what comes `after` between the same two containers. */
async function measureRules<T>(
  open: () => Promise<Ground>,
  iptables: string | undefined,
  after: (ground: Ground, costs: Costs) => Promise<T>,
): Promise<DatapathFigures & { readonly rest: T }> {
  await using undo = new AsyncDisposableStack();
  const ground = undo.use(await open());
  const costs = await measureCosts(ground, { traffic, rounds: ROUNDS, members: MEMBERS, iptables, signal }, undo);
  const enforcement = await measureEnforcement(ground.driver, { endpoints: ENDPOINTS, rules: 1000, signal });
  return { costs, enforcement, rest: await after(ground, costs) };
}

const kernel = await measureRules(kernelGround, table, ({ driver }, { client, server }) =>
  measureLimits(driver, { endpoint: CLIENT, client, server }, signal),
);
const ovs = await measureRules(ovsGround, undefined, () => Promise.resolve());
const neighbours = await measureNeighbour(NEIGHBOUR_ROUNDS, signal);
const extent = { endpoints: ENDPOINTS, rules: 1000, changes: CHANGES };
const wholeWay = await measureWholeWay({ ...extent, folder: scratch.path, signal });
const figures = { kernel, ovs, held: kernel.rest, neighbours, wholeWay, members: MEMBERS, endpoints: ENDPOINTS };
for (const line of report(figures)) process.stdout.write(`${line}\n`);
