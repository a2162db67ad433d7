import { IpAddress } from "@holdfast/core";
import type { PublishedPort } from "@holdfast/model";

/** A published port as the firewall sees it. */
export interface FirewallPort extends PublishedPort {
  /** Where it leads: the container, or what stands for it. */
  readonly address: IpAddress;
}

/** Two maps per family: ports of one address of the machine, and ports of all. */
export function portMaps(ports: readonly FirewallPort[]): readonly string[] {
  const entries = (family: "v4" | "v6", bound: boolean) =>
    ports
      .filter(({ address, hostAddress }) => {
        const own = hostAddress === undefined || IpAddress.family(hostAddress) === family;
        return IpAddress.family(address) === family && own && (hostAddress !== undefined) === bound;
      })
      .map(({ protocol, hostAddress, hostPort, address, containerPort }) => {
        const key = [...(hostAddress === undefined ? [] : [hostAddress]), protocol, hostPort].join(" . ");
        return `${key} : ${address} . ${containerPort}`;
      })
      // The same rules whoever came first.
      .toSorted();
  const map = (name: string, type: string, elements: readonly string[]) => {
    const content = elements.length === 0 ? "" : ` elements = { ${elements.join(", ")} };`;
    return `map ${name} { type ${type};${content} }`;
  };
  return [
    map("ports4", "inet_proto . inet_service : ipv4_addr . inet_service", entries("v4", false)),
    map("bound4", "ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service", entries("v4", true)),
    map("ports6", "inet_proto . inet_service : ipv6_addr . inet_service", entries("v6", false)),
    map("bound6", "ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service", entries("v6", true)),
  ];
}

/** Chains that send what is for a published port to its container, from outside and from the machine itself. */
export function portTranslation(ports: readonly FirewallPort[]): readonly string[] {
  if (ports.length === 0) return [];
  const rules = [
    "  fib daddr type local dnat ip to ip daddr . meta l4proto . th dport map @bound4",
    "  fib daddr type local dnat ip to meta l4proto . th dport map @ports4",
    "  fib daddr type local dnat ip6 to ip6 daddr . meta l4proto . th dport map @bound6",
    "  fib daddr type local dnat ip6 to meta l4proto . th dport map @ports6",
  ];
  return [
    "chain prerouting {",
    "  type nat hook prerouting priority dstnat; policy accept;",
    ...rules,
    "}",
    "chain output {",
    "  type nat hook output priority -100; policy accept;",
    ...rules,
    "}",
  ];
}
