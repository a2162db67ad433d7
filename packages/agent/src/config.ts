import { HoldfastError, IpAddress, Name, option, parseDuration, parseHttpAddress, parseLogLevel } from "@holdfast/core";
import { parseFlowTargets, parseRate } from "@holdfast/model";

/** Options of the agent; section `agent` of the configuration file. */
export const agentOptions = {
  server: option.value("Base address of a controller.", "URL", "http://127.0.0.1:4653", (text) =>
    parseHttpAddress(text, "--token"),
  ),
  token: option.optional("Bearer token for the controller. Absent: none is sent.", "TEXT", (text) => text),
  node: option.optional("Name of this machine in the platform. Absent: its host name.", "NAME", Name.parse),
  uplink: option.optional(
    "Trunk interface that carries the company's VLANs. Absent: networks are local to this machine.",
    "INTERFACE",
    (text) => text,
  ),
  tunnelAddress: option.optional(
    "Address with length that other nodes send VXLAN packets to, e.g. 192.168.50.11/24. Absent: no overlay across nodes.",
    "ADDRESS/LENGTH",
    (text) => text,
  ),
  uplinkRate: option.optional(
    "The interface by which packets leave this machine, and what it carries, e.g. eth0=10Gbit: for guarantees of QoS profiles. 5 % of it are held " +
      "back, so that nothing waits where it cannot be put into order. Absent: no guarantee is kept.",
    "INTERFACE=RATE",
    uplinkRate,
  ),
  nodeAddress: option.optional(
    "Addresses that other nodes route packets of routed networks to, one of each family, separated by a comma, e.g. 192.168.50.11,fd00:50::11. " +
      "Absent: the tunnel address, else those of the interface that the controller is reached by.",
    "ADDRESS[,ADDRESS]",
    nodeAddresses,
  ),
  datapath: option.value(
    "What carries packets: kernel carries routed networks and needs nothing else, ovs the other kinds by Open vSwitch, both is both, and auto the " +
      "kernel, and Open vSwitch when it is there or a network needs it.",
    "DATAPATH",
    "auto",
    datapath,
  ),
  datapathType: option.value(
    "Open vSwitch datapath: system needs the kernel's module, netdev runs in userspace, auto takes what is there.",
    "TYPE",
    "auto",
    datapathType,
  ),
  switchDirectory: option.text("Run directory of Open vSwitch.", "PATH", "/var/run/openvswitch"),
  stateDirectory: option.text("Where the node's copy of its desired state is kept.", "PATH", "/var/lib/holdfast/agent"),
  status: option.text("Where /healthz, /readyz and /metrics are served.", "HOST:PORT", "127.0.0.1:4654"),
  pluginSocket: option.text("Docker plugin socket.", "PATH", "/run/docker/plugins/holdfast.sock"),
  engineSocket: option.text("Docker's own socket.", "PATH", "/var/run/docker.sock"),
  docker: option.flag("Serve Docker on this machine.", true),
  cniSocket: option.text("Socket that the CNI plugin calls.", "PATH", "/run/holdfast/cni.sock"),
  cni: option.flag("Serve runtimes that speak CNI on this machine.", true),
  cniConfigDirectory: option.text(
    "Where holdfast cni install has put configurations of runtimes: the agent brings them and their plugin up to date when it starts.",
    "PATH",
    "/etc/cni/net.d",
  ),
  sflowTargets: option.optional(
    "Collectors that this node's Open vSwitch sends sFlow to, separated by commas; none: it sends nothing. Absent: those that the controller names.",
    "ADDRESS[:PORT][,ADDRESS[:PORT]]",
    (text) => (text === "none" ? [] : parseFlowTargets(text)),
  ),
  sflowSampling: option.optional(
    "One of so many packets is sampled; 1: each. Absent: as the controller says.",
    "NUMBER",
    flowSampling,
  ),
  sflowPolling: option.optional(
    "Time between two samples of a port's counters, in whole seconds. Absent: as the controller says.",
    "DURATION",
    flowPolling,
  ),
  sflowAgent: option.optional(
    "Address by which collectors know this node; datagrams may come from another one. Absent: the tunnel address, else the first node address.",
    "ADDRESS",
    IpAddress.parse,
  ),
  beat: option.duration("Pause between two signs of life to the controller.", "10s"),
  reservationTimeout: option.duration("How long addresses stay set aside for a container that never comes.", "5m"),
  logLevel: option.value(
    "Least severe events that are logged: debug, info, warn or error.",
    "LEVEL",
    "info",
    parseLogLevel,
  ),
} as const;

/** Of what an uplink carries: what is given out. */
const USABLE = 0.95;

function uplinkRate(text: string): { readonly link: string; readonly rate: number } {
  const [, link = "", rate = ""] = /^([^=/\s]{1,15})=(.+)$/.exec(text) ?? [];
  if (link !== "") return { link, rate: parseRate(rate) * USABLE };
  throw new HoldfastError("invalid_argument", `${JSON.stringify(text)} is no INTERFACE=RATE; write e.g. eth0=10Gbit`);
}

/** What carries a node's packets. */
export type Datapath = "auto" | "ovs" | "kernel" | "both";

function datapath(text: string): Datapath {
  if (text === "auto" || text === "ovs" || text === "kernel" || text === "both") return text;
  throw new TypeError(`${JSON.stringify(text)} is none of auto, ovs, kernel, both`);
}

function flowSampling(text: string): number {
  const number = Number(text);
  if (/^\d{1,10}$/.test(text) && number >= 1 && number <= 0x7fff_ffff) return number;
  throw new TypeError(`${JSON.stringify(text)} is not between 1 and ${0x7fff_ffff}`);
}

/** Seconds. */
function flowPolling(text: string): number {
  const seconds = Math.round(parseDuration(text) / 1000);
  if (seconds >= 1 && seconds <= 86_400) return seconds;
  throw new TypeError(`${JSON.stringify(text)} is not between 1s and 1d`);
}

/** At most one of each family. */
function nodeAddresses(text: string): readonly IpAddress[] {
  const addresses = text.split(",").map((part) => IpAddress.parse(part.trim()));
  if (new Set(addresses.map((address) => IpAddress.family(address))).size === addresses.length) return addresses;
  throw new TypeError(`${JSON.stringify(text)} has two addresses of one family; give one of each`);
}

export type DatapathType = "auto" | "netdev" | "system";

function datapathType(text: string): DatapathType {
  if (text === "auto" || text === "netdev" || text === "system") return text;
  throw new TypeError(`${JSON.stringify(text)} is none of auto, netdev, system`);
}
