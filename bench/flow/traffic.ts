import {
  encodeDatagram,
  encodeFields,
  encodeHeaderRecord,
  encodeSample,
  ethernet,
  ipv4,
  ipv6,
  layoutNamed,
  tcp,
  udp,
} from "@holdfast/flow/testing";

/** What Open vSwitch puts into a datagram of 1,400 bytes at most. */
const SAMPLES_PER_DATAGRAM = 6;
/** Bytes of a packet that are sampled. */
const HEADER_BYTES = 128;
export const ENDPOINTS = 10_000;
/** Nodes; an endpoint is on the node of its number modulo this. */
export const AGENTS = 4;
const NETWORKS = 20;

/**
 * Datagrams as Open vSwitch sends them, of many containers' traffic: always the same ones.
 *
 * @param overlay half of the samples have the records of a tunnel, which not every program can read
 */
export function makeTraffic(count: number, overlay: boolean): readonly Uint8Array[] {
  return Array.from({ length: count }, (_, index) =>
    encodeDatagram({
      agent: `10.9.${index % AGENTS}.1`,
      sequence: index,
      uptimeMs: index * 10,
      // Counters are some of a hundred datagrams' samples: all 30 s, each port.
      samples: index % 50 === 49 ? counterSamples(index) : flowSamples(index, overlay),
    }),
  );
}

function flowSamples(datagram: number, overlay: boolean): Uint8Array[] {
  return Array.from({ length: SAMPLES_PER_DATAGRAM }, (_, index) => {
    const number = datagram * SAMPLES_PER_DATAGRAM + index;
    const isOverlay = overlay && number % 2 === 1;
    const records = [
      encodeFields(layoutNamed("extended_switch"), {
        sourceVlan: 0,
        sourcePriority: 0,
        destinationVlan: 0,
        destinationPriority: 0,
      }),
      encodeHeaderRecord(packetOf(datagram, number), { frameLength: 64 + ((number * 7919) % 1450) }),
    ];
    return encodeSample({
      format: 1,
      sequence: number,
      source: { class: 2, index: 1000 },
      rate: 400,
      pool: number * 400,
      input: { format: 0, value: 3 + (number % 40) },
      output: { format: 2, value: 1 },
      records: isOverlay ? [...records, ...overlayRecords(number)] : records,
    });
  });
}

function overlayRecords(number: number): Uint8Array[] {
  const tunnel = {
    length: 0,
    protocol: 17,
    source: "172.16.0.1",
    destination: `172.16.${number % 4}.2`,
    sourcePort: 0,
    destinationPort: 46_354,
    tcpFlags: 0,
    tos: 0,
  };
  return [
    encodeFields(layoutNamed("extended_vni_egress"), { vni: 5000 + (number % 10) }),
    encodeFields(layoutNamed("extended_ipv4_tunnel_egress"), tunnel),
  ];
}

/** Three quarters TCP, one IPv6 of eight, one of four to addresses outside behind a router, the others between endpoints of one network. */
function packetOf(datagram: number, number: number): Uint8Array {
  const from = ((number * 7) % (ENDPOINTS / AGENTS)) * AGENTS + (datagram % AGENTS);
  const to = neighbourOf(from, number);
  const isOutside = number % 4 === 2;
  const macs = { source: macOf(from), destination: isOutside ? "02:ff:00:00:00:01" : macOf(to) };
  const ports = { source: 32_768 + (number % 28_000), destination: [80, 443, 6379, 3306][number % 4] ?? 80 };
  const rest = new Uint8Array(HEADER_BYTES);
  const [protocol, transport] = number % 4 === 3 ? [17, udp(ports, rest)] : [6, Buffer.concat([tcp(ports), rest])];
  const packet =
    number % 8 === 5
      ? ethernet(
          { ...macs, type: 0x86dd },
          ipv6({ source: `fd00::${hex(from)}`, destination: `fd00::${hex(to)}`, next: protocol }, transport),
        )
      : ethernet(
          macs,
          ipv4(
            {
              source: addressOf(from),
              destination: isOutside ? `198.51.100.${number % 250}` : addressOf(to),
              protocol,
            },
            transport,
          ),
        );
  return packet.subarray(0, HEADER_BYTES);
}

/** On another node more often than not. */
function neighbourOf(endpoint: number, number: number): number {
  const first = endpoint - (endpoint % AGENTS) + NETWORKS * AGENTS * ((number * 13) % 100);
  return (first + (number % AGENTS)) % ENDPOINTS;
}

/** The network of an endpoint. */
export function networkOf(endpoint: number): number {
  return Math.floor(endpoint / AGENTS) % NETWORKS;
}

export function macOf(endpoint: number): string {
  return `02:00:00:00:${hex(endpoint >> 8)}:${hex(endpoint & 255)}`;
}

export function addressOf(endpoint: number): string {
  return `10.20.${endpoint >> 8}.${endpoint & 255}`;
}

function hex(number: number): string {
  return number.toString(16).padStart(2, "0");
}

function counterSamples(datagram: number): Uint8Array[] {
  return Array.from({ length: 4 }, (_, index) =>
    encodeSample({
      format: 2,
      sequence: datagram,
      source: { class: 0, index: 3 + index },
      records: [
        encodeFields(layoutNamed("port_name"), { name: `veth-${index}` }),
        encodeFields(
          layoutNamed("if_counters"),
          Object.fromEntries(
            layoutNamed("if_counters").fields.map(({ name, type }) => [
              name,
              type === "u64" || type === "c64" || type === "g64" ? 9n : 9,
            ]),
          ),
        ),
      ],
    }),
  );
}
