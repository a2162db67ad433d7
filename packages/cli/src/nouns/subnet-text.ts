import { HoldfastError } from "@holdfast/core";
import type { newSubnetSchema } from "@holdfast/model";
import type { z } from "zod";

type SubnetInput = z.input<typeof newSubnetSchema>;

/**
 * Reads a subnet as people write it: `10.20.0.0/16`, then any of `,gateway=10.20.0.1`, `,gateway=none`, `,range=10.20.1.0-10.20.1.255`,
 * `,exclude=10.20.1.9` or `,exclude=FIRST-LAST`, `,group=NAME:FIRST-LAST`, each but the gateway as often as needed.
 *
 * @throws HoldfastError `invalid_argument`, naming the part.
 */
export function parseSubnet(text: string): SubnetInput {
  const [prefix = "", ...parts] = text.split(",");
  const subnet: SubnetInput = { prefix };
  const ranges: { first: string; last: string }[] = [];
  const exclusions: { first: string; last: string }[] = [];
  const groupRanges: { group: string; first: string; last: string }[] = [];
  for (const part of parts) {
    const [key, value = ""] = part.split("=");
    if (key === "gateway") subnet.gateway = value === "none" ? null : value;
    else if (key === "range") ranges.push(parseRange(value));
    else if (key === "exclude") exclusions.push(parseRange(value));
    else if (key === "group") groupRanges.push(parseGroupRange(text, value));
    else
      throw new HoldfastError(
        "invalid_argument",
        `--subnet ${text}: ${part} is none of gateway=, range=, exclude=, group=`,
      );
  }
  return { ...subnet, ranges, exclusions, ...(groupRanges.length === 0 ? {} : { groupRanges }) };
}

function parseGroupRange(subnet: string, text: string): { group: string; first: string; last: string } {
  const [group = "", range] = text.split(/:(.*)/, 2);
  if (range === undefined)
    throw new HoldfastError("invalid_argument", `--subnet ${subnet}: write group=NAME:FIRST-LAST`);
  return { group, ...parseRange(range) };
}

/** `10.20.1.0-10.20.1.255`, or one address. */
export function parseRange(text: string): { first: string; last: string } {
  const [first = "", last = first] = text.split("-");
  return { first, last };
}
