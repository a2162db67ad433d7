import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { having, NO_CHANGE, network, REALM_SETS, routed, wiring } from "@holdfast/datapath/testing";
import { scratchFolder } from "./ipam/scratch.ts";
import { measureEnforcement } from "./policy/enforcement.ts";
import { LIMIT, measureLimits } from "./policy/limits.ts";
import { measureNeighbour, type NeighbourRound } from "./policy/neighbour.ts";
import { createPlace, openDriver, plug } from "./policy/place.ts";
import { iptablesText, largeSet, withRules, withSet } from "./policy/programs.ts";
import { answer, type Sample, sample } from "./policy/traffic.ts";
import { percentile, rounded } from "./statistics.ts";

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const RULES = [0, 100, 1000, 10_000];
const MEMBERS = 100_000;
const ENDPOINTS = 200;
const SERVER = "10.20.0.5";

const signal = AbortSignal.timeout(600_000);
const say = (line: string): boolean => process.stdout.write(`${line}\n`);
using scratch = scratchFolder();
await using undo = new AsyncDisposableStack();

const machine = undo.use(await createPlace());
const driver = await openDriver(machine);
undo.defer(() => driver.close());
const { policy } = driver;
if (policy === undefined) throw new TypeError("the driver enforces no policy");
driver.setNetwork(routed(network("n7", "vlan", 100, { prefixes: ["10.20.0.0/16"] })));
const programs = new Map([...RULES.map((count) => [`${count} rules`, withRules(count)] as const), ["set", withSet()]]);
const sets = [...REALM_SETS, largeSet(MEMBERS)];
await policy.applyPolicy({ ...NO_CHANGE, sets, programs: [...programs.values()] }, signal);
const none = wiring("server", "n7", [SERVER]);
const server = undo.use(await plug(machine, driver, none));
const client = undo.use(await plug(machine, driver, wiring("client", "n7", ["10.20.0.6"])));
await driver.synced(signal);
await answer(server);

const samples = new Map<string, Sample[]>();
const note = async (name: string): Promise<void> => {
  samples.getOrInsertComputed(name, () => []).push(await sample(client, SERVER));
};
const table = join(scratch.path, "rules");
await writeFile(table, iptablesText(10_000));
// In turn, so that what else the machine does meets them all alike.
for (let round = 0; round < ROUNDS; round++) {
  await driver.attach(none, signal);
  await note("none");
  for (const [name, { id }] of programs) {
    await driver.attach({ ...none, policy: { program: id } }, signal);
    await policy.applyPolicy({ ...NO_CHANGE, endpoints: [having("server", id)] }, signal);
    await note(name);
  }
  await driver.attach(none, signal);
  await machine.exec("iptables-restore", "-n", table);
  await note("iptables");
  await machine.exec("iptables", "-F", "FORWARD");
}
const enforcement = await measureEnforcement(driver, { endpoints: ENDPOINTS, rules: 1000, signal });

const held = await measureLimits(
  driver,
  { endpoint: wiring("client", "n7", ["10.20.0.6"]), client, server: SERVER },
  signal,
);
const neighbours = await measureNeighbour(ROUNDS, signal);
const offBy = (rate: number): number => Math.abs(rate / LIMIT - 1) * 100;
const middle = (of: (round: NeighbourRound) => number): number => percentile(neighbours.map(of), 0.5);

const ratio = (name: string, figure: keyof Sample): number => {
  const base = samples.get("none") ?? [];
  const ratios = (samples.get(name) ?? []).map((each, round) => each[figure] / (base[round]?.[figure] ?? Number.NaN));
  return rounded(percentile(ratios, 0.5), 3);
};
const changes = [...enforcement.rules, ...enforcement.members];
const figures = {
  bench: "policy",
  kernel_bw_ratio_10k: ratio("10000 rules", "bandwidth"),
  kernel_rtt_ratio_10k: ratio("10000 rules", "roundTrip"),
  kernel_bw_ratio_set_100k: ratio("set", "bandwidth"),
  kernel_rtt_ratio_set_100k: ratio("set", "roundTrip"),
  iptables_bw_ratio_10k: ratio("iptables", "bandwidth"),
  enforce_ms_p50: rounded(percentile(changes, 0.5), 2),
  enforce_ms_p99: rounded(percentile(changes, 0.99), 2),
  qos_error_percent: rounded(Math.max(...held.map(({ rate }) => offBy(rate))), 2),
  neighbour_p99_ratio: rounded(
    middle(({ idle, guaranteed }) => guaranteed / idle),
    2,
  ),
  neighbour_p99_ratio_without: rounded(
    middle(({ idle, starved }) => starved / idle),
    1,
  ),
};

const row = (what: string, measured: readonly (number | string)[], mark = ""): boolean =>
  say(`${what.padEnd(46)} ${measured.map((each) => String(each).padStart(10)).join(" ")}   ${mark}`.trimEnd());
row("TCP between two containers, kernel driver", ["Gbit/s", "ratio", "RTT µs", "ratio"], "mark of ratios");
for (const [name, all] of samples) {
  const median = (figure: keyof Sample): number =>
    percentile(
      all.map((each) => each[figure]),
      0.5,
    );
  const what = { none: "no policy", set: `a set of ${MEMBERS} addresses`, iptables: "iptables, 10000 rules in a row" }[
    name
  ];
  row(
    `  ${what ?? name}`,
    [rounded(median("bandwidth"), 2), ratio(name, "bandwidth"), rounded(median("roundTrip")), ratio(name, "roundTrip")],
    name === "none" || name === "iptables" ? "" : "≥ 0.95, ≤ 1.05",
  );
}
row(`change to enforcement at the data path, ${ENDPOINTS} endpoints`, ["p50 ms", "p99 ms"], "");
for (const [what, taken] of [
  ["  one rule of 1000", enforcement.rules],
  [`  one of ${MEMBERS} addresses`, enforcement.members],
] as const) {
  row(what, [rounded(percentile(taken, 0.5), 2), rounded(percentile(taken, 0.99), 2)], "p99 ≤ 100");
}
row(`a limit of ${LIMIT / 1e6} Mbit/s`, ["Mbit/s", "off by %"], "");
for (const { what, rate } of held) row(`  ${what}`, [rounded(rate / 1e6, 2), rounded(offBy(rate), 2)], "≤ 3 %");
row("p99 of a neighbour's answers over an uplink", ["ms", "ratio"], "");
for (const [what, of] of [
  ["  idle", ({ idle }: NeighbourRound) => idle],
  ["  full, no guarantee", ({ starved }: NeighbourRound) => starved],
  ["  full, with a guarantee", ({ guaranteed }: NeighbourRound) => guaranteed],
] as const) {
  const mark = what.includes("with a") ? "≤ 3" : "";
  row(
    what,
    [
      rounded(middle(of), 3),
      rounded(
        middle((round) => of(round) / round.idle),
        2,
      ),
    ],
    mark,
  );
}
say(JSON.stringify(figures));
