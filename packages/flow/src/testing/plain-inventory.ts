import type { PlacedEndpoint } from "../attribution/change.ts";

/** One endpoint's time. */
export interface PlainTenure {
  readonly endpoint: PlacedEndpoint;
  readonly from: number;
  to: number;
}

/** Who had what, in a list that is gone through: what an attribution must agree with. */
export class PlainInventory {
  readonly tenures: PlainTenure[] = [];

  begin(endpoint: PlacedEndpoint, from: number): void {
    this.tenures.push({ endpoint, from, to: Number.POSITIVE_INFINITY });
  }

  end(number: number, to: number): void {
    for (const tenure of this.tenures)
      if (tenure.endpoint.number === number && tenure.to === Number.POSITIVE_INFINITY) tenure.to = to;
  }

  /** The one that came last of those that fit at a time; `ambiguous` when they are of several networks. */
  find(time: number, fits: (endpoint: PlacedEndpoint) => boolean): PlacedEndpoint | "ambiguous" | undefined {
    const found = this.tenures
      .filter(({ endpoint, from, to }) => from <= time && time < to && fits(endpoint))
      .sort((a, b) => b.from - a.from);
    if (new Set(found.map(({ endpoint }) => endpoint.network)).size > 1) return "ambiguous";
    return found[0]?.endpoint;
  }

  /** The one that came last of those that fit, at a time or until so many milliseconds before it. */
  last(time: number, late: number, fits: (endpoint: PlacedEndpoint) => boolean): PlacedEndpoint | undefined {
    return this.tenures
      .filter(({ endpoint, from, to }) => from <= time && time < to + late && fits(endpoint))
      .sort((a, b) => b.from - a.from)[0]?.endpoint;
  }
}
