import { percentile, rounded } from "../statistics.ts";
import { type Costs, ratioOf } from "./cost-of-rules.ts";
import type { Enforcement } from "./enforcement.ts";
import { type HeldRate, LIMIT } from "./limits.ts";
import type { NeighbourRound } from "./neighbour.ts";
import type { Sample } from "./traffic.ts";
import type { Changed } from "./whole-way.ts";

export interface DatapathFigures {
  readonly costs: Costs;
  readonly enforcement: Enforcement;
}

export interface PolicyFigures {
  readonly kernel: DatapathFigures;
  readonly ovs: DatapathFigures;
  readonly held: readonly HeldRate[];
  readonly neighbours: readonly NeighbourRound[];
  readonly wholeWay: readonly Changed[];
  readonly members: number;
  readonly endpoints: number;
}

/** A table for people, and as its last line one JSON object. */
export function report(figures: PolicyFigures): readonly string[] {
  const { kernel, ovs, held, neighbours, wholeWay, members, endpoints } = figures;
  return [
    ...costRows("kernel driver", kernel.costs),
    ...costRows("Open vSwitch in user space", ovs.costs),
    row(`change to enforcement at the data path, ${endpoints} endpoints`, ["p50 ms", "p99 ms"], ""),
    ...enforcementRows("kernel driver", kernel.enforcement, members),
    ...enforcementRows("Open vSwitch", ovs.enforcement, members),
    row(`change to enforcement from the request on, ${endpoints} endpoints`, ["p50 ms", "p99 ms"], ""),
    ...wholeWayRows(wholeWay),
    row(`a limit of ${LIMIT / 1e6} Mbit/s`, ["Mbit/s", "off by %"], ""),
    ...held.map(({ what, rate }) => row(`  ${what}`, [rounded(rate / 1e6, 2), rounded(offBy(rate), 2)], "≤ 3 %")),
    ...neighbourRows(neighbours),
    JSON.stringify(lastLine(figures)),
  ];
}

function costRows(title: string, { none, costs }: Costs): string[] {
  const ratio = (name: string, figure: keyof Sample): number => rounded(ratioOf(costs, name, figure), 3);
  const rows = costs.map(({ name, samples }) => {
    const [bandwidth, roundTrip] = mediansOf(samples);
    const mark = name.startsWith("iptables") ? "" : "≥ 0.95, ≤ 1.05";
    return row(`  ${name}`, [bandwidth, ratio(name, "bandwidth"), roundTrip, ratio(name, "roundTrip")], mark);
  });
  const [bandwidth, roundTrip] = mediansOf(none);
  return [
    row(`TCP between two containers, ${title}`, ["Gbit/s", "ratio", "RTT µs", "ratio"], "mark of ratios"),
    row("  no policy", [bandwidth, 1, roundTrip, 1]),
    ...rows,
  ];
}

function mediansOf(samples: readonly Sample[]): readonly [number, number] {
  const median = (figure: keyof Sample): number =>
    percentile(
      samples.map((each) => each[figure]),
      0.5,
    );
  return [rounded(median("bandwidth"), 2), rounded(median("roundTrip"))];
}

function enforcementRows(title: string, { rules, members }: Enforcement, size: number): string[] {
  return [
    [`  one rule of 1000, ${title}`, rules] as const,
    [`  one of ${size} addresses, ${title}`, members] as const,
  ].map(([what, taken]) => row(what, [p(taken, 0.5), p(taken, 0.99)], "p99 ≤ 100"));
}

function wholeWayRows(changes: readonly Changed[]): string[] {
  const to = (verdict: Changed["to"]) => changes.filter((each) => each.to === verdict).map(({ enforced }) => enforced);
  const answered = changes.map((each) => each.answered);
  return [
    row("  one rule of 1000, kernel driver, to allow", [p(to("allow"), 0.5), p(to("allow"), 0.99)], "p99 ≤ 100"),
    row("  one rule of 1000, kernel driver, to deny", [p(to("deny"), 0.5), p(to("deny"), 0.99)], "p99 ≤ 100"),
    row("    until the controller has answered", [p(answered, 0.5), p(answered, 0.99)]),
  ];
}

function neighbourRows(rounds: readonly NeighbourRound[]): string[] {
  const middle = (of: (round: NeighbourRound) => number): number => percentile(rounds.map(of), 0.5);
  const rows = [
    ["  idle", ({ idle }: NeighbourRound) => idle, ""],
    ["  full, no guarantee", ({ starved }: NeighbourRound) => starved, ""],
    ["  full, with a guarantee", ({ guaranteed }: NeighbourRound) => guaranteed, "≤ 3"],
  ] as const;
  return [
    row("p99 of a neighbour's answers over an uplink", ["ms", "ratio"]),
    ...rows.map(([what, of, mark]) =>
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
      ),
    ),
  ];
}

function lastLine({ kernel, ovs, held, neighbours, wholeWay, members }: PolicyFigures): object {
  const set = `a set of ${members} addresses`;
  const ratio = ({ costs }: DatapathFigures, name: string, figure: keyof Sample): number =>
    rounded(ratioOf(costs.costs, name, figure), 3);
  const all = ({ enforcement }: DatapathFigures) => [...enforcement.rules, ...enforcement.members];
  const middle = (of: (round: NeighbourRound) => number): number => percentile(neighbours.map(of), 0.5);
  const enforced = wholeWay.map((each) => each.enforced);
  return {
    bench: "policy",
    kernel_bw_ratio_10k: ratio(kernel, "10000 rules", "bandwidth"),
    kernel_rtt_ratio_10k: ratio(kernel, "10000 rules", "roundTrip"),
    kernel_bw_ratio_set_100k: ratio(kernel, set, "bandwidth"),
    kernel_rtt_ratio_set_100k: ratio(kernel, set, "roundTrip"),
    ovs_bw_ratio_10k: ratio(ovs, "10000 rules", "bandwidth"),
    ovs_rtt_ratio_10k: ratio(ovs, "10000 rules", "roundTrip"),
    ovs_bw_ratio_set_100k: ratio(ovs, set, "bandwidth"),
    ovs_rtt_ratio_set_100k: ratio(ovs, set, "roundTrip"),
    iptables_bw_ratio_10k: ratio(kernel, "iptables, 10000 rules in a row", "bandwidth"),
    // Of both data paths the slower one's.
    enforce_ms_p50: Math.max(p(all(kernel), 0.5), p(all(ovs), 0.5)),
    enforce_ms_p99: Math.max(p(all(kernel), 0.99), p(all(ovs), 0.99)),
    kernel_enforce_ms_p99: p(all(kernel), 0.99),
    ovs_enforce_ms_p99: p(all(ovs), 0.99),
    qos_error_percent: rounded(Math.max(...held.map(({ rate }) => offBy(rate))), 2),
    neighbour_p99_ratio: rounded(
      middle(({ idle, guaranteed }) => guaranteed / idle),
      2,
    ),
    neighbour_p99_ratio_without: rounded(
      middle(({ idle, starved }) => starved / idle),
      1,
    ),
    enforce_e2e_ms_p50: p(enforced, 0.5),
    enforce_e2e_ms_p99: p(enforced, 0.99),
  };
}

function offBy(rate: number): number {
  return Math.abs(rate / LIMIT - 1) * 100;
}

function p(taken: readonly number[], share: number): number {
  return rounded(percentile(taken, share), 2);
}

function row(what: string, measured: readonly (number | string)[], mark = ""): string {
  return `${what.padEnd(50)} ${measured.map((each) => String(each).padStart(10)).join(" ")}   ${mark}`.trimEnd();
}
