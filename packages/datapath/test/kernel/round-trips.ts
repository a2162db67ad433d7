import type { Sandbox } from "../fabric.ts";
import { FAR } from "./uplink-world.ts";

/** Milliseconds of each answer. */
async function roundTrips(from: Sandbox, count: number): Promise<readonly number[]> {
  const text = await from.exec("ping", "-n", "-c", String(count), "-i", "0.002", "-W", "1", FAR);
  return [...text.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time)).toSorted((a, b) => a - b);
}

const p99 = (sorted: readonly number[]): number => sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;

/** The p99 of the usual second: in one of five a machine may stand for the 20 ms that make all of a second's p99. */
export async function usualP99(from: Sandbox, rounds = 5): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < rounds; round++) seconds.push(p99(await roundTrips(from, 400)));
  return seconds.toSorted((a, b) => a - b)[Math.floor(rounds / 2)] ?? Number.NaN;
}
