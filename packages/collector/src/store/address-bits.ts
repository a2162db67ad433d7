import { IpAddress } from "@holdfast/core";

/** Text that is in the order of addresses, family by family, e.g. `"v4 0a140007"`: a prefix is a stretch of it. */
export function addressBits(address: IpAddress): string {
  return `${IpAddress.family(address)} ${Buffer.from(IpAddress.toBytes(address)).toString("hex")}`;
}

/** The way back from {@link addressBits}. */
export function addressOfBits(bits: string): IpAddress {
  return IpAddress.fromBytes(Buffer.from(bits.slice(3), "hex"));
}
