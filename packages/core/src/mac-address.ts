import type { Brand } from "./brand.ts";
import { HoldfastError } from "./errors.ts";
import { IpAddress } from "./ip-address.ts";

/** A 48-bit Ethernet address in lower case with colons, e.g. `"02:64:0a:14:00:07"` (IEEE 802). */
export type MacAddress = Brand<string, "MacAddress">;

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** Companion of the type {@link MacAddress}. */
export const MacAddress = {
  /** @throws HoldfastError `invalid_argument`. */
  parse(text: string): MacAddress {
    const lower = text.toLowerCase().replaceAll("-", ":");
    if (!/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(lower)) {
      throw new HoldfastError("invalid_argument", `not a MAC address: ${JSON.stringify(text)}`);
    }
    return lower as MacAddress;
  },

  /**
   * The MAC that belongs to an address on a network, always the same, so that neighbours' tables stay right when a
   * workload comes back elsewhere.
   *
   * `02` (v4) or `06` (v6): locally administered unicast (IEEE 802 section 8.4); then the low byte of the segment id, which
   * keeps two networks with the same CIDR apart on switches that learn without regard to the VLAN; then the low 32 bits of
   * the address.
   *
   * @param segment absent: the network has none, and nobody else has the address
   */
  ofAddress(address: IpAddress, segment = 0): MacAddress {
    const v4 = IpAddress.toV4Number(address);
    const low = v4 ?? Number(IpAddress.toBigInt(address) & 0xffff_ffffn);
    const head = v4 === undefined ? "06" : "02";
    const bytes = [segment & 255, low >>> 24, (low >>> 16) & 255, (low >>> 8) & 255, low & 255];
    return bytes.reduce((text, byte) => `${text}:${HEX[byte]}`, head) as MacAddress;
  },

  /** @throws HoldfastError `invalid_argument` unless there are 6 bytes. */
  fromBytes(bytes: Uint8Array): MacAddress {
    if (bytes.length !== 6) throw new HoldfastError("invalid_argument", `a MAC has 6 bytes, not ${bytes.length}`);
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = bytes;
    return `${HEX[a]}:${HEX[b]}:${HEX[c]}:${HEX[d]}:${HEX[e]}:${HEX[f]}` as MacAddress;
  },

  toBytes(mac: MacAddress): Uint8Array {
    const bytes = new Uint8Array(6);
    for (let index = 0; index < 6; index++) bytes[index] = Number.parseInt(mac.slice(3 * index, 3 * index + 2), 16);
    return bytes;
  },
};
