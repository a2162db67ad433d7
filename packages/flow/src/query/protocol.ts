/** IP protocols that people call by their names (IANA, Assigned Internet Protocol Numbers). */
const NAMES: ReadonlyMap<string, number> = new Map([
  ["icmp", 1],
  ["igmp", 2],
  ["tcp", 6],
  ["udp", 17],
  ["gre", 47],
  ["esp", 50],
  ["ah", 51],
  ["icmpv6", 58],
  ["vrrp", 112],
  ["sctp", 132],
]);

export const protocolNames: readonly string[] = [...NAMES.keys()];

/** Undefined: nobody calls a protocol so. */
export function protocolNumber(name: string): number | undefined {
  return NAMES.get(name.toLowerCase());
}

/** `"tcp"`; the number where people have no name for it. */
export function protocolName(number: number): string {
  for (const [name, known] of NAMES) if (known === number) return name;
  return String(number);
}
