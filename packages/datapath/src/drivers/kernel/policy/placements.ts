import type { IpAddress } from "@holdfast/core";
import type { EndpointPolicy, EndpointPrograms } from "@holdfast/policy";

/** An endpoint that is decided about. */
export interface Placed {
  readonly link: string;
  readonly addresses: readonly IpAddress[];
  readonly programs: EndpointPrograms;
}

/** Endpoints that are decided about, and who has which address of them. */
export class Placements {
  readonly #placed = new Map<string, Placed>();
  readonly #byAddress = new Map<IpAddress, Placed>();

  get(endpoint: string): Placed | undefined {
    return this.#placed.get(endpoint);
  }

  /** Who has which programs. */
  endpoints(): readonly EndpointPolicy[] {
    return [...this.#placed].map(([endpoint, { programs }]) => ({ endpoint, ...programs }));
  }

  values(): IteratorObject<Placed> {
    return this.#placed.values();
  }

  holderOf(address: IpAddress): Placed | undefined {
    return this.#byAddress.get(address);
  }

  /** In place of where it was before. */
  set(endpoint: string, placed: Placed): void {
    this.delete(endpoint);
    this.#placed.set(endpoint, placed);
    for (const address of placed.addresses) this.#byAddress.set(address, placed);
  }

  delete(endpoint: string): void {
    const placed = this.#placed.get(endpoint);
    if (placed === undefined) return;
    this.#placed.delete(endpoint);
    for (const address of placed.addresses) {
      if (this.#byAddress.get(address) === placed) this.#byAddress.delete(address);
    }
  }
}
