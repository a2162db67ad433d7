import type { CnmSubject } from "@holdfast/docker-plugin/testing";
import { run } from "../command.ts";

/** What is known of a plugin from outside. */
export interface SubjectFlags {
  readonly socket: string;
  /** E.g. `"10.20.0.0/16"`. */
  readonly pool: string;
  readonly gateway?: string | undefined;
  readonly address?: string | undefined;
  /** `KEY=VALUE` each. */
  readonly "ipam-opt"?: readonly string[] | undefined;
  readonly opt?: readonly string[] | undefined;
  readonly restart?: string | undefined;
  readonly held?: string | undefined;
}

/** A plugin that is reached by its socket and by commands of the shell. @throws Error naming a flag that cannot be read. */
export function subjectOf(flags: SubjectFlags): CnmSubject {
  const { socket, pool, gateway, address, restart, held } = flags;
  if (!/^[\d.]+\/\d+$/.test(pool)) throw new Error(`--pool ${pool}: an IPv4 prefix is needed, e.g. 10.20.0.0/16`);
  return {
    socketPath: socket,
    plan: {
      pool,
      ipamOptions: pairs("--ipam-opt", flags["ipam-opt"]),
      driverOptions: pairs("--opt", flags.opt),
      ...(gateway === undefined ? {} : { gateway }),
    },
    freeAddress: address,
    crash: restart === undefined ? undefined : async () => void (await run(["sh", "-c", restart])),
    heldAddresses: held === undefined ? undefined : async () => words(await run(["sh", "-c", held])),
  };
}

function pairs(flag: string, values: readonly string[] = []): Readonly<Record<string, string>> {
  return Object.fromEntries(
    values.map((pair) => {
      const end = pair.indexOf("=");
      if (end <= 0) throw new Error(`${flag} ${pair}: KEY=VALUE is needed`);
      return [pair.slice(0, end), pair.slice(end + 1)];
    }),
  );
}

function words(text: string): readonly string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
