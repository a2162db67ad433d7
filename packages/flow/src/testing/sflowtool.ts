import type {
  DatagramDescription,
  PortDescription,
  RecordDescription,
  SampleDescription,
} from "../describe/datagram.ts";
import type { FieldValue, RecordFields } from "../describe/record.ts";
import type { ScalarType } from "../records/layout.ts";
import { counterLayout, flowLayout } from "../records/registry.ts";
import { sayHeader } from "./sflowtool-header.ts";
import { longV6, plainMac, type SflowtoolLine, text } from "./sflowtool-line.ts";

/** Says a datagram as sflowtool 6 does, so that its decodes can be compared field by field. */
export function sayAsSflowtool(datagram: DatagramDescription, bytes: number, declaredSamples: number): SflowtoolLine {
  return {
    datagramSize: String(bytes),
    datagramVersion: "5",
    agentSubId: String(datagram.subAgent),
    agent: datagram.agent.includes(":") ? longV6(datagram.agent) : datagram.agent,
    packetSequenceNo: String(datagram.sequence),
    sysUpTime: String(datagram.uptimeMs),
    samplesInPacket: String(declaredSamples),
    samples: datagram.samples.map(saySample),
  };
}

const SAMPLE_TYPES = { flow: "FLOWSAMPLE", counters: "COUNTERSSAMPLE", discard: "DISCARD" } as const;
const SOURCE_CLASSES = ["ifIndex", "smonVlanDataSource", "entPhysicalEntry", "entLogicalEntry"];

function saySample(sample: SampleDescription): SflowtoolLine {
  const { kind, source } = sample;
  return {
    sampleType_tag: sample.format,
    sampleType: SAMPLE_TYPES[kind],
    sampleSequenceNo: String(sample.sequence),
    sourceId: `${SOURCE_CLASSES.indexOf(source.class)}:${source.index}`,
    ...(kind === "flow" ? { meanSkipCount: String(sample.samplingRate), samplePool: String(sample.samplePool) } : {}),
    ...(kind === "counters"
      ? {}
      : {
          dropEvents: String(sample.drops),
          inputPort: sayPort(sample.input),
          outputPort: sayPort(sample.output),
        }),
    ...(kind === "discard" ? { discardCode: String(sample.reasonCode), discardReason: String(sample.reason) } : {}),
    elements: sample.records.map((record) => sayRecord(sample, record)),
  };
}

function sayPort(port: PortDescription | undefined): string {
  if (port === undefined) return "";
  if ("ifIndex" in port) return String(port.ifIndex);
  if ("dropped" in port) return `dropCode ${port.code}`;
  return "ports" in port ? `multiple ${port.ports}` : "";
}

function sayRecord(sample: SampleDescription, record: RecordDescription): SflowtoolLine {
  if (sample.kind === "counters") return { counterBlock_tag: record.format, ...sayCounters(record) };
  const said = { flowBlock_tag: record.format, ...sayFlow(sample, record) };
  if (sample.kind === "flow") return said;
  return Object.fromEntries(Object.entries(said).map(([key, value]) => [`discarded_${key}`, value]));
}

function sayFlow(sample: SampleDescription, { name, fields }: RecordDescription): SflowtoolLine {
  switch (name) {
    case "sampled_header":
      return sayHeader(sample.packet ?? {}, fields);
    case "sampled_ethernet":
      return {
        flowSampleType: "ETHERNET",
        ethernet_type: text(fields.type),
        ethernet_len: text(fields.length),
        ethernet_src: plainMac(fields.sourceMac),
        ethernet_dst: plainMac(fields.destinationMac),
      };
    case "sampled_ipv4":
      return { flowSampleType: "IPV4", ...saySampledIpv4(fields, "") };
    case "extended_ipv4_tunnel_ingress":
      return { flowSampleType: "tunnel_ipv4_in_IPV4", ...saySampledIpv4(fields, "tunnel_ipv4_in_") };
    case "extended_ipv4_tunnel_egress":
      return { flowSampleType: "tunnel_ipv4_out_IPV4", ...saySampledIpv4(fields, "tunnel_ipv4_out_") };
    case "extended_mpls":
      return {
        extendedType: "MPLS",
        mpls_nexthop: text(fields.nextHop),
        ...sayLabels("mpls_input_stack", fields.inStack),
        ...sayLabels("mpls_output_stack", fields.outStack),
      };
    case "extended_gateway":
      return sayGateway(fields);
    case "extended_acl": // which sflowtool does not know
      return {};
    default:
      return sayByOrder(FLOW_KEYS[name] ?? [], fields, flowTypes(name));
  }
}

/** Keys in the order of the layout's fields; one with `=` is a constant before them. */
const FLOW_KEYS: Readonly<Record<string, readonly string[]>> = {
  extended_switch: ["extendedType=SWITCH", "in_vlan", "in_priority", "out_vlan", "out_priority"],
  extended_router: ["extendedType=ROUTER", "nextHop", "srcSubnetMask", "dstSubnetMask"],
  extended_vni_ingress: ["extendedType=in_VNI", "in_VNI"],
  extended_vni_egress: ["extendedType=out_VNI", "out_VNI"],
  extended_egress_queue: ["extendedType=egress_queue", "egress_queue_id"],
  extended_function: ["extendedType=function", "symbol"],
  extended_linux_drop_reason: ["extendedType=linux_reason", "linux_drop_reason"],
};

/** Names of MIB-2 and of the drivers' statistics are the same in both. */
const COUNTER_KEYS: Readonly<Record<string, string>> = {
  if_counters: "ifIndex networkType ifSpeed ifDirection ifStatus",
  vlan_counters: "in_vlan octets ucastPkts multicastPkts broadcastPkts discards",
  lag_port_stats:
    "actorSystemID partnerSystemID attachedAggID actorAdminPortState actorOperPortState partnerAdminPortState partnerOperPortState LACPDUsRx markerPDUsRx markerResponsePDUsRx unknownRx illegalRx LACPDUsTx markerPDUsTx markerResponsePDUsTx",
  processor: "5s_cpu 1m_cpu 5m_cpu total_memory_bytes free_memory_bytes",
  of_port: "openflow_datapath_id openflow_port",
  port_name: "ifName",
  host_descr: "hostname UUID machine_type os_name os_release",
  host_cpu:
    "cpu_load_one cpu_load_five cpu_load_fifteen cpu_proc_run cpu_proc_total cpu_num cpu_speed cpu_uptime cpu_user cpu_nice cpu_system cpu_idle cpu_wio cpuintr cpu_sintr cpuinterrupts cpu_contexts cpu_steal cpu_guest cpu_guest_nice",
  host_memory:
    "mem_total mem_free mem_shared mem_buffers mem_cached swap_total swap_free page_in page_out swap_in swap_out",
  host_disk_io:
    "disk_total disk_free disk_partition_max_used disk_reads disk_bytes_read disk_read_time disk_writes disk_bytes_written disk_write_time",
  host_net_io:
    "nio_bytes_in nio_pkts_in nio_errs_in nio_drops_in nio_bytes_out nio_pkts_out nio_errs_out nio_drops_out",
  http_counters:
    "http_method_option_count http_method_get_count http_method_head_count http_method_post_count http_method_put_count http_method_delete_count http_method_trace_count http_methd_connect_count http_method_other_count http_status_1XX_count http_status_2XX_count http_status_3XX_count http_status_4XX_count http_status_5XX_count http_status_other_count",
  app_resources: "user_time system_time memory_used memory_max files_open files_max connections_open connections_max",
  ovs_dp_stats: "OVS_dp_hits OVS_dp_misses OVS_dp_lost OVS_dp_mask_hits OVS_dp_flows OVS_dp_masks",
};

function sayCounters({ format, name, fields }: RecordDescription): SflowtoolLine {
  if (name === "host_adapters") return { adaptor_list: (fields.adapters as RecordFields[]).map(sayAdapter) };
  const keys = (COUNTER_KEYS[name] ?? "").split(" ").filter((key) => key !== "");
  const rest = Object.keys(fields).slice(keys.length);
  return sayByOrder([...keys, ...rest], fields, typesOf(counterLayout(formatNumber(format))));
}

function sayAdapter({ ifIndex, macs }: RecordFields): SflowtoolLine {
  const list = (macs as string[]).map((mac) => mac.replaceAll(":", ""));
  return { ifIndex: text(ifIndex), MACs: String(list.length), mac_list: list };
}

function sayByOrder(
  keys: readonly string[],
  fields: RecordFields,
  types: Readonly<Record<string, ScalarType>>,
): SflowtoolLine {
  const constants = keys.filter((key) => key.includes("=")).map((key) => key.split("="));
  const names = keys.filter((key) => !key.includes("="));
  const said = Object.entries(fields).map(([name, value], index) => [
    names[index] ?? name,
    sayValue(value, types[name] ?? "u32"),
  ]);
  return Object.fromEntries([...constants, ...said]) as SflowtoolLine;
}

function sayValue(value: FieldValue, type: ScalarType): string {
  if (value === null) return type === "c64" || type === "g64" ? "18446744073709551615" : "4294967295";
  if (type === "f32") return (value as number).toFixed(3);
  if (type === "percent") return (value as number).toFixed(2);
  return type === "mac" ? plainMac(value) : String(value as string | number | bigint);
}

function flowTypes(name: string): Readonly<Record<string, ScalarType>> {
  return name === "extended_switch" ? typesOf(flowLayout(1001)) : {};
}

function typesOf(layout: ReturnType<typeof flowLayout>): Readonly<Record<string, ScalarType>> {
  return Object.fromEntries((layout?.fields ?? []).map(({ name, type }) => [name, type as ScalarType]));
}

function formatNumber(format: string): number {
  const [enterprise = "", number = ""] = format.split(":");
  return Number(enterprise) * 4096 + Number(number);
}

function saySampledIpv4(fields: RecordFields, prefix: string): SflowtoolLine {
  const protocol = Number(fields.protocol);
  const transport = { 6: "TCP", 17: "UDP" }[protocol];
  return {
    [`${prefix}sampledPacketSize`]: text(fields.length),
    [`${prefix}IPSize`]: text(fields.length),
    [`${prefix}srcIP`]: text(fields.source),
    [`${prefix}dstIP`]: text(fields.destination),
    [`${prefix}IPProtocol`]: text(fields.protocol),
    [`${prefix}IPTOS`]: text(fields.tos),
    ...(transport === undefined
      ? {}
      : {
          [`${prefix}${transport}SrcPort`]: text(fields.sourcePort),
          [`${prefix}${transport}DstPort`]: text(fields.destinationPort),
        }),
    ...(protocol === 6 ? { [`${prefix}TCPFlags`]: text(fields.tcpFlags) } : {}),
  };
}

function sayGateway(fields: RecordFields): SflowtoolLine {
  const path = (fields.destinationAsPath as RecordFields[]).flatMap((segment) => segment.as as number[]);
  return {
    extendedType: "GATEWAY",
    bgp_nexthop: text(fields.nextHop),
    my_as: text(fields.as),
    src_as: text(fields.sourceAs),
    src_peer_as: text(fields.sourcePeerAs),
    dst_as_path: path.join("-"),
    dst_as: String(path.at(-1)),
    dst_peer_as: String(path[0]),
    BGP_communities: (fields.communities as number[]).join("-"),
    BGP_localpref: text(fields.localPreference),
  };
}

/** Label, experimental bits, bottom of stack, time to live (RFC 3032). */
function sayLabels(key: string, stack: FieldValue | undefined): SflowtoolLine {
  const labels = (stack as number[]).map((entry) =>
    [entry >>> 12, (entry >>> 9) & 7, (entry >>> 8) & 1, entry & 255].join("."),
  );
  return labels.length === 0 ? {} : { [key]: labels.join("-") };
}
