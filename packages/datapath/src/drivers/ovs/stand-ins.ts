import { Cidr, IpAddress } from "@holdfast/core";
import { ACCESS_ADDRESS, ACCESS_PREFIX } from "./pipeline/host-access.ts";

const FIRST = IpAddress.toBigInt(ACCESS_ADDRESS) + 1n;
/** The one after it is the prefix's broadcast address. */
const LAST = IpAddress.toBigInt(Cidr.last(ACCESS_PREFIX)) - 1n;
const COUNT = Number(LAST - FIRST) + 1;

/** Addresses that stand for endpoints on their machine, by port, given by turns: what still comes for a former one reaches nobody. */
export class StandIns {
  readonly #byPort = new Map<number, IpAddress>();
  #next = 0;

  /** What an earlier run has given stays with its port. */
  inherit(given: ReadonlyMap<number, IpAddress>): void {
    for (const [port, address] of given) {
      this.#byPort.set(port, address);
      this.#next = Math.max(this.#next, indexOf(address) + 1) % COUNT;
    }
  }

  /** Each of these ports has an address, as far as they go, and no other port has. */
  assign(ports: ReadonlySet<number>): ReadonlyMap<number, IpAddress> {
    for (const port of this.#byPort.keys()) if (!ports.has(port)) this.#byPort.delete(port);
    const used = new Set([...this.#byPort.values()].map(indexOf));
    for (const port of ports) {
      if (this.#byPort.has(port) || used.size === COUNT) continue;
      while (used.has(this.#next)) this.#next = (this.#next + 1) % COUNT;
      used.add(this.#next);
      this.#byPort.set(port, IpAddress.fromBigInt("v4", FIRST + BigInt(this.#next)));
      this.#next = (this.#next + 1) % COUNT;
    }
    return this.#byPort;
  }
}

function indexOf(address: IpAddress): number {
  return Number(IpAddress.toBigInt(address) - FIRST);
}
