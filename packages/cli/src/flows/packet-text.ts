import type { PacketDescription } from "@holdfast/flow";

const PROTOCOLS: Readonly<Record<number, string>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  47: "gre",
  58: "icmp6",
  132: "sctp",
};
/** Low byte of TCP's flags (RFC 9293 section 3.1), from the lowest bit on, as tcpdump writes them. */
const TCP_FLAGS = ["F", "S", "R", "P", ".", "U", "E", "W"];

/** A packet in a line, e.g. `"vlan 10  10.0.0.1:40000 > 10.0.0.2:80 tcp [S]"`. */
export function packetText(packet: PacketDescription): string {
  const { vlans = [], mplsLabel, tunnel } = packet;
  const parts = [
    ...vlans.map(({ id }) => `vlan ${id}`),
    mplsLabel === undefined ? "" : `mpls ${mplsLabel}`,
    networkText(packet),
    packet.truncated === undefined ? "" : "(cut)",
    packet.malformed === undefined ? "" : "(malformed)",
    tunnel === undefined
      ? ""
      : `${tunnel.kind}${tunnel.id === undefined ? "" : ` ${tunnel.id}`}: ${packetText(tunnel.inner)}`,
  ];
  return parts.filter((part) => part !== "").join("  ");
}

function networkText(packet: PacketDescription): string {
  const { ethernet, arp, ip } = packet;
  if (ip !== undefined) return ipText(packet, ip);
  if (arp !== undefined) {
    return arp.operation === 1
      ? `arp who-has ${arp.target} tell ${arp.sender}`
      : `arp ${arp.sender} is at ${ethernet?.source}`;
  }
  if (ethernet === undefined) return "";
  return `${ethernet.source} > ${ethernet.destination} type 0x${ethernet.type.toString(16).padStart(4, "0")}`;
}

function ipText(packet: PacketDescription, ip: NonNullable<PacketDescription["ip"]>): string {
  const { tcp, udp, ports, icmp } = packet;
  const [source, destination] = [
    tcp?.sourcePort ?? udp?.sourcePort ?? ports?.source,
    tcp?.destinationPort ?? udp?.destinationPort ?? ports?.destination,
  ];
  const end = (address: string, port: number | undefined): string => {
    if (port === undefined) return address;
    return ip.version === 6 ? `[${address}]:${port}` : `${address}:${port}`;
  };
  const way = `${end(ip.source, source)} > ${end(ip.destination, destination)}`;
  const protocol = PROTOCOLS[ip.protocol] ?? `protocol ${ip.protocol}`;
  const details = [
    tcp === undefined ? "" : ` [${TCP_FLAGS.filter((_, bit) => tcp.flags & (1 << bit)).join("")}]`,
    icmp === undefined ? "" : ` ${icmp.type}/${icmp.code}`,
    ip.fragment === undefined ? "" : " fragment",
  ];
  return `${way} ${protocol}${details.join("")}`;
}
