import { layouts } from "./layout.ts";

/**
 * Records of counter samples: sFlow version 5 (2004), sflow_lag (2012), sflow_optics (2016), sflow_openflow (2014), sflow_host (2010),
 * sflow_host_ip (2016), sflow_http (2011), sflow_application (2012), sflow_ovs (2015), sflow_nvml (2014).
 */
export const counterLayouts = layouts(`
  1 if_counters: ifIndex u32, ifType u32, ifSpeed u64, ifDirection u32, ifStatus u32, ifInOctets c64, ifInUcastPkts c32, ifInMulticastPkts c32, ifInBroadcastPkts c32, ifInDiscards c32, ifInErrors c32, ifInUnknownProtos c32, ifOutOctets c64, ifOutUcastPkts c32, ifOutMulticastPkts c32, ifOutBroadcastPkts c32, ifOutDiscards c32, ifOutErrors c32, ifPromiscuousMode u32
  2 ethernet_counters: dot3StatsAlignmentErrors c32, dot3StatsFCSErrors c32, dot3StatsSingleCollisionFrames c32, dot3StatsMultipleCollisionFrames c32, dot3StatsSQETestErrors c32, dot3StatsDeferredTransmissions c32, dot3StatsLateCollisions c32, dot3StatsExcessiveCollisions c32, dot3StatsInternalMacTransmitErrors c32, dot3StatsCarrierSenseErrors c32, dot3StatsFrameTooLongs c32, dot3StatsInternalMacReceiveErrors c32, dot3StatsSymbolErrors c32
  5 vlan_counters: vlan u32, octets c64, unicastPackets c32, multicastPackets c32, broadcastPackets c32, discards c32
  7 lag_port_stats: actorSystemId mac, partnerSystemId mac, attachedAggregatorId u32, actorAdminState u8, actorOperState u8, partnerAdminState u8, partnerOperState u8, lacpdusReceived c32, markersReceived c32, markerResponsesReceived c32, unknownReceived c32, illegalReceived c32, lacpdusSent c32, markersSent c32, markerResponsesSent c32
  10 sfp: moduleId u32, laneCount u32, supplyMillivolts u32, temperatureThousandths i32, lanes [index u32, txBiasMicroamps u32, txPowerMicrowatts u32, txPowerMinimum u32, txPowerMaximum u32, txWavelengthNanometres u32, rxPowerMicrowatts u32, rxPowerMinimum u32, rxPowerMaximum u32, rxWavelengthNanometres u32]
  1001 processor: cpu5s percent, cpu1m percent, cpu5m percent, totalMemory g64, freeMemory g64
  1004 of_port: datapathId hex64, port u32
  1005 port_name: name string
  2000 host_descr: hostname string, uuid uuid, machineType u32, osName u32, osRelease string
  2001 host_adapters: adapters [ifIndex u32, macs [mac]]
  2002 host_parent: containerType u32, containerIndex u32
  2003 host_cpu: loadOne f32, loadFive f32, loadFifteen f32, processesRunning g32, processesTotal g32, cpus g32, mhz g32, uptimeSeconds g32, userMs c32, niceMs c32, systemMs c32, idleMs c32, ioWaitMs c32, interruptMs c32, softInterruptMs c32, interrupts c32, contexts c32, stealMs c32?, guestMs c32?, guestNiceMs c32?
  2004 host_memory: total g64, free g64, shared g64, buffers g64, cached g64, swapTotal g64, swapFree g64, pageIn c32, pageOut c32, swapIn c32, swapOut c32
  2005 host_disk_io: total g64, free g64, partitionMostUsed percent, reads c32, bytesRead c64, readMs c32, writes c32, bytesWritten c64, writeMs c32
  2006 host_net_io: bytesIn c64, packetsIn c32, errorsIn c32, dropsIn c32, bytesOut c64, packetsOut c32, errorsOut c32, dropsOut c32
  2007 mib2_ip_group: ipForwarding g32, ipDefaultTTL g32, ipInReceives c32, ipInHdrErrors c32, ipInAddrErrors c32, ipForwDatagrams c32, ipInUnknownProtos c32, ipInDiscards c32, ipInDelivers c32, ipOutRequests c32, ipOutDiscards c32, ipOutNoRoutes c32, ipReasmTimeout g32, ipReasmReqds c32, ipReasmOKs c32, ipReasmFails c32, ipFragOKs c32, ipFragFails c32, ipFragCreates c32
  2008 mib2_icmp_group: icmpInMsgs c32, icmpInErrors c32, icmpInDestUnreachs c32, icmpInTimeExcds c32, icmpInParamProbs c32, icmpInSrcQuenchs c32, icmpInRedirects c32, icmpInEchos c32, icmpInEchoReps c32, icmpInTimestamps c32, icmpInAddrMasks c32, icmpInAddrMaskReps c32, icmpOutMsgs c32, icmpOutErrors c32, icmpOutDestUnreachs c32, icmpOutTimeExcds c32, icmpOutParamProbs c32, icmpOutSrcQuenchs c32, icmpOutRedirects c32, icmpOutEchos c32, icmpOutEchoReps c32, icmpOutTimestamps c32, icmpOutTimestampReps c32, icmpOutAddrMasks c32, icmpOutAddrMaskReps c32
  2009 mib2_tcp_group: tcpRtoAlgorithm g32, tcpRtoMin g32, tcpRtoMax g32, tcpMaxConn g32, tcpActiveOpens c32, tcpPassiveOpens c32, tcpAttemptFails c32, tcpEstabResets c32, tcpCurrEstab g32, tcpInSegs c32, tcpOutSegs c32, tcpRetransSegs c32, tcpInErrs c32, tcpOutRsts c32, tcpInCsumErrors c32
  2010 mib2_udp_group: udpInDatagrams c32, udpNoPorts c32, udpInErrors c32, udpOutDatagrams c32, udpRcvbufErrors c32, udpSndbufErrors c32, udpInCsumErrors c32
  2100 virt_node: mhz g32, cpus g32, memory g64, memoryFree g64, domains g32
  2101 virt_cpu: state u32, cpuMs c32, cpus g32
  2102 virt_memory: memory g64, memoryMaximum g64
  2103 virt_disk_io: capacity g64, allocation g64, available g64, reads c32, bytesRead c64, writes c32, bytesWritten c64, errors c32
  2104 virt_net_io: bytesIn c64, packetsIn c32, errorsIn c32, dropsIn c32, bytesOut c64, packetsOut c32, errorsOut c32, dropsOut c32
  2201 http_counters: methodOptions c32, methodGet c32, methodHead c32, methodPost c32, methodPut c32, methodDelete c32, methodTrace c32, methodConnect c32, methodOther c32, status1xx c32, status2xx c32, status3xx c32, status4xx c32, status5xx c32, statusOther c32
  2203 app_resources: userMs c32, systemMs c32, memoryUsed g64, memoryMaximum g64, filesOpen g32, filesMaximum g32, connectionsOpen g32, connectionsMaximum g32
  2207 ovs_dp_stats: hits c32, misses c32, lost c32, maskHits c32, flows g32, masks g32
  5703:1 nvidia_gpu: devices g32, processes g32, gpuMs c32, memoryMs c32, memoryTotal g64, memoryFree g64, eccErrors c32, energyMillijoules c32, temperatureCelsius g32, fanPercent g32
`);
