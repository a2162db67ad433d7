import { IpAddress } from "@holdfast/core";

/** Those that a runtime gives to the sandbox's interface: a published port leads to one address of a family. */
export function firstOfEachFamily(addresses: readonly IpAddress[]): readonly IpAddress[] {
  const families = addresses.map((address) => IpAddress.family(address));
  return addresses.filter((_, index) => families.indexOf(families[index] ?? "v4") === index);
}
