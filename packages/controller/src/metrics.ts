/** Upper bounds of request durations, in seconds. */
const BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5] as const;

interface Definition {
  readonly type: "counter" | "gauge" | "histogram";
  readonly help: string;
}

/** Every metric of the controller. Names begin with `holdfast_controller_`. */
export const METRICS = {
  requests_total: { type: "counter", help: "HTTP requests by operation and status." },
  request_seconds: { type: "histogram", help: "Time from a request's last byte to its reply, by operation." },
  requests: { type: "gauge", help: "Requests of tenants by state: working, or waiting for their turn." },
  commits_total: { type: "counter", help: "Changes that were committed." },
  commit_conflicts_total: { type: "counter", help: "Tries of a change that another change overtook." },
  expired_total: { type: "counter", help: "What ran out: claims, rests of released addresses, reservations." },
  differences_found_total: {
    type: "counter",
    help: "Differences between the address book and the world that were seen for the first time, by kind.",
  },
  differences_repaired_total: { type: "counter", help: "Differences that were proven and repaired, by kind." },
  feeds: { type: "gauge", help: "Open node feeds." },
  feeds_dropped_total: { type: "counter", help: "Node feeds that were cut off because their reader was too slow." },
  refusals_dropped_total: { type: "counter", help: "Refusals that came too fast to be noted in the ledger." },
  watches: { type: "gauge", help: "Open watches." },
  revision: { type: "gauge", help: "Revision up to which the controller has seen the store." },
  tenants: { type: "gauge", help: "Tenants." },
  networks: { type: "gauge", help: "Networks." },
  claims: { type: "gauge", help: "Claims." },
  network_addresses: {
    type: "gauge",
    help: "Addresses by network, family and state; of the 500 networks with the most claimed addresses.",
  },
  tenant_quota: {
    type: "gauge",
    help: "Limit and use of the quotas of tenants that have any; of at most 500 tenants.",
  },
  endpoints: { type: "gauge", help: "Endpoints." },
  nodes: { type: "gauge", help: "Nodes by state." },
} as const satisfies Record<string, Definition>;
export type MetricName = keyof typeof METRICS;

/** Counts, and prints what it counted in the Prometheus text format (exposition format 0.0.4). */
export class Metrics {
  readonly #values = new Map<MetricName, Map<string, number>>();
  readonly #durations = new Map<string, { readonly buckets: number[]; sum: number; count: number }>();

  /** @param labels e.g. `'route="createClaim",status="201"'` */
  add(name: MetricName, labels = "", amount = 1): void {
    const series = this.#series(name);
    series.set(labels, (series.get(labels) ?? 0) + amount);
  }

  set(name: MetricName, labels: string, value: number): void {
    this.#series(name).set(labels, value);
  }

  /** All series of a metric at once; those of before go. */
  replace(name: MetricName, series: Iterable<readonly [labels: string, value: number]>): void {
    this.#values.set(name, new Map(series));
  }

  /** One request's duration. */
  observe(route: string, seconds: number): void {
    let series = this.#durations.get(route);
    if (series === undefined) {
      series = { buckets: BUCKETS.map(() => 0), sum: 0, count: 0 };
      this.#durations.set(route, series);
    }
    series.sum += seconds;
    series.count++;
    const bucket = BUCKETS.findIndex((bound) => seconds <= bound);
    if (bucket >= 0) series.buckets[bucket] = (series.buckets[bucket] ?? 0) + 1;
  }

  toString(): string {
    return (Object.entries(METRICS) as [MetricName, Definition][])
      .map(([name, { type, help }]) => {
        const full = `holdfast_controller_${name}`;
        const lines = type === "histogram" ? this.#histogramLines(full) : this.#lines(name, full);
        return [`# HELP ${full} ${help}`, `# TYPE ${full} ${type}`, ...lines, ""].join("\n");
      })
      .join("");
  }

  #series(name: MetricName): Map<string, number> {
    const series = this.#values.get(name) ?? new Map<string, number>();
    this.#values.set(name, series);
    return series;
  }

  #lines(name: MetricName, full: string): string[] {
    return Array.from(this.#series(name), ([labels, value]) => `${full}${labels === "" ? "" : `{${labels}}`} ${value}`);
  }

  #histogramLines(full: string): string[] {
    return [...this.#durations].flatMap(([route, { buckets, sum, count }]) => {
      let below = 0;
      const lines = BUCKETS.map((bound, index) => {
        below += buckets[index] ?? 0;
        return `${full}_bucket{route="${route}",le="${bound}"} ${below}`;
      });
      return [
        ...lines,
        `${full}_bucket{route="${route}",le="+Inf"} ${count}`,
        `${full}_sum{route="${route}"} ${sum}`,
        `${full}_count{route="${route}"} ${count}`,
      ];
    });
  }
}
