import { HoldfastError } from "@holdfast/core";
import type { Uplink } from "../../qos/guarantee-table.ts";

export interface KernelDriverOptions {
  /** Begins the names of all links, 1 to 3 characters. Default `"hf"`. */
  readonly namePrefix?: string;
  /** Whether this machine is the gateway of networks of other kinds, whose prefixes are in its routing table, too. Default false. */
  readonly localNetworks?: boolean;
  /** Where packets leave the machine, and what that carries. Absent: no guarantee can be kept. */
  readonly guaranteesOn?: Uplink | undefined;
}

/** What links are called on a machine, at most 15 characters each (IFNAMSIZ). */
export interface LinkNames {
  /** The end that stays with the machine and the end for the sandbox, of the interface with this number. */
  link(number: number): string;
  peer(number: number): string;
  /** Begins the names of all ends that stay, e.g. `"hfr"`. */
  readonly linkPrefix: string;
  /** Undefined when it is no name that `link` gives. */
  linkNumber(name: string): number | undefined;
}

/** @throws HoldfastError `invalid_argument`. */
export function createLinkNames({ namePrefix = "hf" }: KernelDriverOptions): LinkNames {
  if (!/^[a-z][a-z0-9]{0,2}$/.test(namePrefix)) {
    const text = `the prefix ${JSON.stringify(namePrefix)} of names is not 1 to 3 lower-case letters and digits`;
    throw new HoldfastError("invalid_argument", text);
  }
  const linkPrefix = `${namePrefix}r`;
  const pattern = new RegExp(`^${linkPrefix}([1-9][0-9]{0,8})$`);
  return {
    linkPrefix,
    link: (number) => `${linkPrefix}${number}`,
    peer: (number) => `${namePrefix}s${number}`,
    linkNumber: (name) => {
      const digits = pattern.exec(name)?.[1];
      return digits === undefined ? undefined : Number(digits);
    },
  };
}
