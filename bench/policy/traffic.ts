import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Place } from "./place.ts";

const run = promisify(execFile);
const IPERF_PORT = 5201;
const PORT = 5202;
/** Round trips of one sample. */
const ROUND_TRIPS = 1500;
/** A processor for each end: which two of them are near each other makes more of a difference than thousands of rules. */
const CLIENT = ["taskset", "-c", "1"];
const SERVER = ["taskset", "-c", "2"];

export interface Sample {
  /** Gbit/s. */
  readonly bandwidth: number;
  /** Microseconds, the median. */
  readonly roundTrip: number;
}

/** Of one sample. */
export interface Portion {
  readonly bytes: number;
  /** Of TCP, e.g. `"64K"`. Absent: as large as the kernel makes it. */
  readonly window?: string;
}

/** Something that measures what passes between two containers. */
export interface Traffic {
  /** Lets a container answer. */
  answer(server: Place): Promise<void>;
  /** TCP from one container to another: some bytes, and some questions with their answers. */
  sample(client: Place, address: string, portion: Portion): Promise<Sample>;
}

/** @param folder for the program that asks and answers. */
export async function createTraffic(folder: string): Promise<Traffic> {
  const program = join(folder, "round-trip");
  await run("gcc", ["-O2", "-Wall", "-Werror", "-o", program, join(import.meta.dirname, "round-trip.c")]);
  return {
    async answer(server) {
      await server.serve(IPERF_PORT, ...SERVER, "iperf3", "-s");
      await server.serve(PORT, ...SERVER, program, String(PORT));
    },
    async sample(client, address, { bytes, window }) {
      const options = window === undefined ? [] : ["-w", window];
      const printed = await client.exec(
        ...CLIENT,
        "iperf3",
        "-J",
        "-C",
        "cubic",
        ...options,
        "-n",
        String(bytes),
        "-c",
        address,
      );
      const { end } = JSON.parse(printed) as { end: { sum_received: { bits_per_second: number } } };
      const nanoseconds = await client.exec(...CLIENT, program, String(PORT), address, String(ROUND_TRIPS));
      return { bandwidth: end.sum_received.bits_per_second / 1e9, roundTrip: Number(nanoseconds) / 1000 };
    },
  };
}
