import { Cidr, IpAddress } from "@holdfast/core";
import type { Range } from "@holdfast/model";
import { CniError, CniErrorCode } from "../protocol/cni-error.ts";
import type { NetworkConfig } from "../protocol/network-config.ts";

/**
 * Where an address is to be from, by the capability `ipRanges`: one set with one range, which is one address.
 *
 * @throws CniError for several: which of them counts would be a guess; and for a range that is none.
 */
export function wantedRange({ runtimeConfig: { ipRanges = [] } }: NetworkConfig): Range | undefined {
  const ranges = ipRanges.flat();
  const [range] = ranges;
  if (range === undefined) return undefined;
  if (ranges.length > 1) {
    const text = `runtimeConfig.ipRanges has ${ranges.length} ranges, and an address is chosen from one; leave one of them`;
    throw new CniError(CniErrorCode.unsupportedField, text);
  }
  const { subnet, rangeStart, rangeEnd } = range;
  try {
    const prefix = Cidr.parse(subnet);
    const first = rangeStart === undefined ? Cidr.first(prefix) : IpAddress.parse(rangeStart);
    return { first, last: rangeEnd === undefined ? Cidr.last(prefix) : IpAddress.parse(rangeEnd) };
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new CniError(CniErrorCode.invalidConfig, `runtimeConfig.ipRanges: ${why}`, { cause });
  }
}
