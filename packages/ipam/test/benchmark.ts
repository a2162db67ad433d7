/** Prints how fast an address pool gives addresses and how much memory it takes. Run with `node --expose-gc`. */
import { Cidr, IpAddress } from "@holdfast/core";
import { AddressPool } from "../src/address-pool.ts";

declare const gc: () => void;

const MILLION = 1_000_000;

function heapMegabytes(): number {
  gc();
  const { heapUsed, external } = process.memoryUsage();
  return (heapUsed + external) / 1e6;
}

function report(what: string, count: number, milliseconds: number, megabytes?: number): void {
  const perSecond = Math.round((count / milliseconds) * 1000).toLocaleString("en");
  const memory = megabytes === undefined ? "" : `  ${megabytes.toFixed(1)} MB`;
  process.stdout.write(`${what.padEnd(56)} ${perSecond.padStart(12)}/s${memory}\n`);
}

function timed(run: () => void): number {
  const start = performance.now();
  run();
  return performance.now() - start;
}

/** Always the same sequence in [0, 1) (Park and Miller's minimal standard generator). */
function createRandom(): () => number {
  let state = 42;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return state / 2_147_483_647;
  };
}

function fill(family: "v4" | "v6", prefix: string): void {
  const before = heapMegabytes();
  const pool = AddressPool.create([{ prefix: Cidr.parse(prefix) }]);
  const time = timed(() => {
    for (let count = 0; count < MILLION; count++) pool.allocate({ family, now: 0 });
  });
  report(`a million from an empty ${prefix}`, MILLION, time, heapMegabytes() - before);
  pool.utilisation(0);
}

/** Addresses at random come and go; there is never more than one in a thousand free, and the pool has long been round. */
function churn(): void {
  const prefix = Cidr.parse("10.16.0.0/12");
  const before = heapMegabytes();
  const pool = AddressPool.create([{ prefix }]);
  const size = Number(Cidr.size(prefix)) - 2;
  const base = IpAddress.toBigInt(Cidr.first(prefix)) + 1n;
  const random = createRandom();
  for (let count = 0; count < size; count++) pool.allocate({ family: "v4", now: 0 });
  let now = 0;
  const releaseOne = (): void => {
    let released = false;
    while (!released) {
      now += 100;
      released = pool.release(IpAddress.fromBigInt("v4", base + BigInt(Math.floor(random() * size))), now);
    }
  };
  for (let released = 0; released < size / 1000; released++) releaseOne();
  let allocated = 0;
  let allocating = 0;
  const time = timed(() => {
    while (allocated < 200_000) {
      allocating -= performance.now();
      pool.allocate({ family: "v4", now });
      allocating += performance.now();
      allocated++;
      releaseOne();
    }
  });
  report(`allocate at 99.9 % of ${prefix}, released ones oldest first`, allocated, allocating);
  report("release and allocate, likewise", allocated, time, heapMegabytes() - before);
  pool.utilisation(now);
}

/** The unused tenth of a percent lies scattered, so that each allocation has to search for it. */
function search(): void {
  const prefix = Cidr.parse("10.16.0.0/12");
  const pool = AddressPool.create([{ prefix }]);
  const base = IpAddress.toBigInt(Cidr.first(prefix));
  const size = Number(Cidr.size(prefix));
  for (let host = 1; host < size - 1; host++) {
    if (host % 1000 !== 7) pool.take(IpAddress.fromBigInt("v4", base + BigInt(host)), 0);
  }
  let allocated = 0;
  const time = timed(() => {
    while ((pool.utilisation(0)[0]?.free ?? 0n) > 0n) {
      pool.allocate({ family: "v4", now: 0 });
      allocated++;
    }
  });
  report(`allocate at 99.9 % of ${prefix}, unused ones scattered`, allocated, time);
}

function scattered(): void {
  const random = createRandom();
  const before = heapMegabytes();
  const pool = AddressPool.create([{ prefix: Cidr.parse("fd00::/64") }]);
  const base = IpAddress.toBigInt(IpAddress.parse("fd00::"));
  const wanted = Array.from({ length: 100_000 }, () => {
    const host = (BigInt(Math.floor(random() * 2 ** 31)) << 32n) | BigInt(Math.floor(random() * 2 ** 31));
    return IpAddress.fromBigInt("v6", base + host);
  });
  const time = timed(() => {
    for (const address of wanted) pool.take(address, 0);
  });
  wanted.length = 0;
  report("take 100,000 at random from fd00::/64", 100_000, time, heapMegabytes() - before);
  pool.utilisation(0);
}

fill("v4", "10.0.0.0/8");
fill("v4", "10.16.0.0/12");
fill("v6", "fd00::/64");
churn();
search();
scattered();
