import { IpAddress, MacAddress } from "@holdfast/core";
import { arp, ethernet, icmpv6 } from "./neighbour-frames.ts";
import { linkLocalOf } from "./pipeline/link-local.ts";

/**
 * Milliseconds after the first announcement at which it is said again, as RFC 5227 section 2.3 asks, because frames get lost.
 */
export const REPETITIONS: readonly number[] = [150, 600, 2000];

/**
 * Milliseconds after the first announcement at which only {@link learningFrame} and {@link gatewayRequests} are sent again. A virtual switch counts what its remembered
 * decisions have forwarded up to half a second late (Open vSwitch's revalidators), and takes each such count for a sign that the MAC is still where
 * it was. QEMU repeats itself in the same stretch of time after a migration.
 */
export const LEARNING_REPETITIONS: readonly number[] = [30, 60, 100, 200, 300, 400, 500];

/**
 * A frame that makes switches learn where a MAC is. Virtual switches remember decisions by source and destination for seconds, and learn
 * only from frames that they have to decide: so the destination is a group address that was never used, which they flood.
 *
 * Reverse ARP (RFC 903) as QEMU sends it for a machine that has moved; nobody answers it.
 */
export function learningFrame(mac: MacAddress, random: () => number = Math.random): Uint8Array {
  const tail = Array.from({ length: 5 }, () => Math.floor(random() * 256));
  const group = MacAddress.fromBytes(Uint8Array.of(0x03, ...tail));
  const own = MacAddress.toBytes(mac);
  const nobody = [0, 0, 0, 0];
  return Uint8Array.of(...ethernet(group, mac, 0x8035), 0, 1, 8, 0, 6, 4, 0, 3, ...own, ...nobody, ...own, ...nobody);
}

/**
 * Frames that tell neighbours where an address is now: gratuitous ARP in both forms, because some listen to one only (RFC 5944
 * section 4.6), or an unsolicited neighbour advertisement (RFC 4861 section 7.2.6).
 */
export function announcementFrames(mac: MacAddress, addresses: readonly IpAddress[]): readonly Uint8Array[] {
  return addresses.flatMap((address) =>
    IpAddress.family(address) === "v4"
      ? [gratuitousArp(mac, address, 1), gratuitousArp(mac, address, 2)]
      : [unsolicitedAdvertisement(mac, address)],
  );
}

/**
 * Asks for the gateways in the endpoint's name. When the answer to its own first question was lost on the way to where it was before, it would ask
 * again after a second only (RETRANS_TIMER, RFC 4861 section 10, which Linux takes for ARP, too); whoever asked, the answer is the same.
 */
export function gatewayRequests(
  mac: MacAddress,
  addresses: readonly IpAddress[],
  gateways: readonly IpAddress[],
): readonly Uint8Array[] {
  const [address] = addresses.filter((each) => IpAddress.family(each) === "v4");
  if (address === undefined) return [];
  return gateways
    .filter((each) => IpAddress.family(each) === "v4")
    .map((gateway) => arp(mac, address, { operation: 1, about: gateway }));
}

const ALL_NODES = IpAddress.parse("ff02::1");
const ALL_NODES_MAC = MacAddress.parse("33:33:00:00:00:01");

function gratuitousArp(mac: MacAddress, address: IpAddress, operation: 1 | 2): Uint8Array {
  return arp(mac, address, { operation, about: address });
}

function unsolicitedAdvertisement(mac: MacAddress, address: IpAddress): Uint8Array {
  const source = linkLocalOf(mac);
  const override = [0x20, 0, 0, 0];
  const option = [2, 1, ...MacAddress.toBytes(mac)];
  const message = [136, 0, 0, 0, ...override, ...IpAddress.toBytes(address), ...option];
  return icmpv6({ to: ALL_NODES_MAC, from: mac, source, destination: ALL_NODES, message });
}
