import { layouts } from "./layout.ts";

const SAMPLED_IPV4 =
  "length u32, protocol u32, source ipv4, destination ipv4, sourcePort u32, destinationPort u32, tcpFlags u32, tos u32";
const SAMPLED_IPV6 =
  "length u32, protocol u32, source ipv6, destination ipv6, sourcePort u32, destinationPort u32, tcpFlags u32, priority u32";
const SAMPLED_ETHERNET = "length u32, sourceMac mac, destinationMac mac, type u32";
const SOCKET_IPV4 = "protocol u32, localIp ipv4, remoteIp ipv4, localPort u32, remotePort u32";
const SOCKET_IPV6 = "protocol u32, localIp ipv6, remoteIp ipv6, localPort u32, remotePort u32";

/**
 * Records of flow samples and of discarded packets: sFlow version 5 (2004), sflow_tunnels (2012), sflow_host (2010), sflow_http (2011),
 * sflow_drops (2020), sflow_transit (2021), and sflow.org's catalogue of structures for 1041 to 1043, 2209 and 2210.
 */
export const flowLayouts = layouts(`
  1 sampled_header: protocol u32, frameLength u32, stripped u32, header opaque
  2 sampled_ethernet: ${SAMPLED_ETHERNET}
  3 sampled_ipv4: ${SAMPLED_IPV4}
  4 sampled_ipv6: ${SAMPLED_IPV6}
  1001 extended_switch: sourceVlan u32, sourcePriority g32, destinationVlan u32, destinationPriority g32
  1002 extended_router: nextHop address, sourceMaskLength u32, destinationMaskLength u32
  1003 extended_gateway: nextHop address, as u32, sourceAs u32, sourcePeerAs u32, destinationAsPath [type u32, as [u32]], communities [u32], localPreference u32
  1006 extended_mpls: nextHop address, inStack [u32], outStack [u32]
  1007 extended_nat: source address, destination address
  1012 extended_vlantunnel: stack [u32]
  1020 extended_nat_port: sourcePort u32, destinationPort u32
  1021 extended_L2_tunnel_egress: ${SAMPLED_ETHERNET}
  1022 extended_L2_tunnel_ingress: ${SAMPLED_ETHERNET}
  1023 extended_ipv4_tunnel_egress: ${SAMPLED_IPV4}
  1024 extended_ipv4_tunnel_ingress: ${SAMPLED_IPV4}
  1025 extended_ipv6_tunnel_egress: ${SAMPLED_IPV6}
  1026 extended_ipv6_tunnel_ingress: ${SAMPLED_IPV6}
  1027 extended_decapsulate_egress: innerHeaderOffset u32
  1028 extended_decapsulate_ingress: innerHeaderOffset u32
  1029 extended_vni_egress: vni u32
  1030 extended_vni_ingress: vni u32
  1036 extended_egress_queue: queue u32
  1037 extended_acl: number u32, name string, direction u32
  1038 extended_function: symbol string
  1039 extended_transit: delayNanoseconds u32
  1040 extended_queue: depthBytes u32
  1041 extended_hw_trap: group string, trap string
  1042 extended_linux_drop_reason: reason string
  1043 extended_timestamp: nanoseconds u64
  2100 extended_socket_ipv4: ${SOCKET_IPV4}
  2101 extended_socket_ipv6: ${SOCKET_IPV6}
  2102 extended_proxy_socket_ipv4: ${SOCKET_IPV4}
  2103 extended_proxy_socket_ipv6: ${SOCKET_IPV6}
  2206 http_request: method u32, protocol u32, uri string, host string, referer string, userAgent string, forwardedFor string, user string, mimeType string, requestBytes u64, responseBytes u64, microseconds u32, status i32
  2207 extended_proxy_request: uri string, host string
  2209 extended_tcp_info: direction u32, sendMss u32, receiveMss u32, unacknowledged u32, lost u32, retransmitted u32, pathMtu u32, rttMicroseconds u32, rttVarianceMicroseconds u32, sendWindow u32, reordering u32, minimumRttMicroseconds u32
  2210 extended_entities: sourceClass u32, sourceIndex u32, destinationClass u32, destinationIndex u32
`);
