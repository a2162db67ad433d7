/**
 * A flow key: what a packet's headers say, as numbers of 32 bits at fixed places from the key's first one. The places are constants and not
 * members of an object, so that a key costs no allocation and lies beside the rest of its sample.
 *
 * A place says something only when {@link KEY_FLAGS} has the bit named with it; else it is 0.
 */
export const KEY_FLAGS = 0;
/** Destination and source MAC, high 16 and low 32 bits ({@link ETHERNET}). */
export const KEY_DESTINATION_MAC = 1;
export const KEY_SOURCE_MAC = 3;
/** EtherType behind all tags, e.g. 0x0800; below 0x0600 the length of an 802.3 frame ({@link ETHERNET}). */
export const KEY_ETHER_TYPE = 5;
/** Tag control information (PCP, DEI, VID) of the outermost tag ({@link VLAN}) and of the one behind it ({@link QINQ}). */
export const KEY_VLAN = 6;
export const KEY_INNER_VLAN = 7;
/** Four numbers each; an IPv4 address is in the last one, behind 0, 0, 0xffff, as RFC 4291 section 2.5.5.2 maps it ({@link IPV4}, {@link IPV6}, {@link ARP}). */
export const KEY_SOURCE = 8;
export const KEY_DESTINATION = 12;
/** IP protocol, behind all extension headers; of ARP the operation. */
export const KEY_PROTOCOL = 16;
/** IPv4 type of service or IPv6 traffic class. */
export const KEY_TOS = 17;
/** Time to live or hop limit. */
export const KEY_TTL = 18;
/** Low byte of TCP's flags. */
export const KEY_TCP_FLAGS = 19;
/** Ports ({@link PORTS}), or type and code of ICMP ({@link ICMP}). */
export const KEY_SOURCE_PORT = 20;
export const KEY_DESTINATION_PORT = 21;
/** IPv4: bytes of the whole packet as its header says; IPv6: bytes of the payload. 0: the sender leaves it to its network card. */
export const KEY_LENGTH = 22;
/** IPv4: identification; IPv6: flow label. */
export const KEY_IDENTIFICATION = 23;
/** Which tunnel the packet is of: one of the `TUNNEL_` numbers; its inner key follows this one. */
export const KEY_TUNNEL = 24;
/** VNI of VXLAN and Geneve, key of GRE ({@link TUNNEL_ID}). */
export const KEY_TUNNEL_ID = 25;
/** Length that the UDP header says. */
export const KEY_UDP_LENGTH = 26;
/** Label of the topmost MPLS entry ({@link MPLS}). */
export const KEY_MPLS_LABEL = 27;
export const KEY_WORDS = 28;

/** Bits of {@link KEY_FLAGS}. */
export const ETHERNET = 1;
export const VLAN = 2;
export const QINQ = 4;
export const IPV4 = 8;
export const IPV6 = 16;
export const PORTS = 32;
export const ICMP = 64;
export const ARP = 128;
/** A fragment other than the first: it has no ports. */
export const FRAGMENT = 256;
/** The sample ends before the headers do; what stands before the end is told. */
export const TRUNCATED = 512;
/** A header contradicts itself; what stands before it is told. */
export const MALFORMED = 1024;
export const MPLS = 2048;
export const TUNNEL_ID = 4096;

export const TUNNEL_VXLAN = 1;
export const TUNNEL_GENEVE = 2;
export const TUNNEL_GRE = 3;
/** IP in IP: protocol 4 (RFC 2003) and 41 (RFC 4213). */
export const TUNNEL_IP = 4;
