import { Cidr, type IpAddress, parseInterfaceAddress, type VlanId } from "@holdfast/core";
import { CONTROL_ADDRESS, FIRST_HOST_ADDRESS, type LabAddresses, nthAddress, ROUTER_ADDRESS } from "./addresses.ts";
import { vsctl } from "./ovs.ts";
import type { LabSpace } from "./space.ts";

/** The bridge that plays the physical switch. */
const SWITCH_BRIDGE = "switch0";

/** The spaces that the fabric joins. */
export interface FabricSpaces {
  readonly switch: LabSpace;
  readonly router: LabSpace;
  readonly control: LabSpace;
  readonly hosts: readonly LabSpace[];
}

/** The interface of the switch at which host number `n` (from 1) hangs: a trunk of all VLANs. */
export function trunkPort(n: number): string {
  return `trunk-${n}`;
}

/** The interface of the management bridge at which host number `n` (from 1) hangs. */
export function managementPort(n: number): string {
  return `mgmt-${n}`;
}

/**
 * Lays the cables: per host an uplink and a management link, for the router the untagged underlay, for `control` a management
 * link. Every veth is made in the switch's namespace with its peer directly in its place, so that none is ever seen outside.
 */
export async function layCables(spaces: FabricSpaces, addresses: LabAddresses, signal: AbortSignal): Promise<void> {
  const cables = [
    ...spaces.hosts.flatMap((host, index) => [
      { port: trunkPort(index + 1), space: host, end: "uplink0" },
      { port: managementPort(index + 1), space: host, end: "mgmt0" },
    ]),
    { port: "mgmt-control", space: spaces.control, end: "mgmt0" },
    { port: "underlay", space: spaces.router, end: "underlay0" },
  ];
  await ipBatch(
    spaces.switch,
    ["link add mgmt type bridge", "link set mgmt up", ...cables.flatMap(cableLines)],
    signal,
  );
  await Promise.all([
    tuneForUserspace(spaces.switch, ["underlay", ...spaces.hosts.map((_, index) => trunkPort(index + 1))], signal),
    connectManagement(spaces.control, nthAddress(addresses.management, CONTROL_ADDRESS), { addresses, signal }),
    connectUnderlay(spaces.router, addresses, signal),
    ...spaces.hosts.map((host, index) => connectHost(host, index, { addresses, signal })),
  ]);
}

interface Cable {
  readonly port: string;
  readonly space: LabSpace;
  readonly end: string;
}

function cableLines({ port, space, end }: Cable): readonly string[] {
  const add = `link add ${port} type veth peer name ${end} netns ${space.holder.pid}`;
  return end === "mgmt0" ? [add, `link set ${port} master mgmt up`] : [add, `link set ${port} up`];
}

async function connectHost(
  host: LabSpace,
  index: number,
  { addresses, signal }: { readonly addresses: LabAddresses; readonly signal: AbortSignal },
): Promise<void> {
  await connectManagement(host, nthAddress(addresses.management, FIRST_HOST_ADDRESS + index), { addresses, signal });
  // The uplink belongs to the host's switch; the host itself says nothing on it.
  await host.exec(["sysctl", "-qw", "net.ipv6.conf.uplink0.disable_ipv6=1"], { signal });
  await tuneForUserspace(host, ["uplink0"], signal);
  await ipBatch(host, ["link set uplink0 up"], signal);
}

async function connectManagement(
  space: LabSpace,
  address: IpAddress,
  { addresses, signal }: { readonly addresses: LabAddresses; readonly signal: AbortSignal },
): Promise<void> {
  const length = Cidr.length(addresses.management);
  await ipBatch(space, [`address add ${address}/${length} dev mgmt0`, "link set mgmt0 up"], signal);
}

async function connectUnderlay(router: LabSpace, { underlay }: LabAddresses, signal: AbortSignal): Promise<void> {
  await tuneForUserspace(router, ["underlay0"], signal);
  const address = `${nthAddress(underlay, ROUTER_ADDRESS)}/${Cidr.length(underlay)}`;
  await ipBatch(router, [`address add ${address} dev underlay0`, "link set underlay0 up"], signal);
}

/**
 * Starts switching: one learning bridge; the hosts' ports are trunks of all VLANs with the untagged frames of the underlay as
 * their native VLAN 0.
 */
export async function plugSwitch(spaces: FabricSpaces, signal: AbortSignal): Promise<void> {
  const trunks = spaces.hosts.flatMap((_, index) => [
    "--",
    "--may-exist",
    "add-port",
    SWITCH_BRIDGE,
    trunkPort(index + 1),
  ]);
  const bridge = ["--may-exist", "add-br", SWITCH_BRIDGE, "--", "set", "bridge", SWITCH_BRIDGE, "datapath_type=netdev"];
  const underlay = ["--", "--may-exist", "add-port", SWITCH_BRIDGE, "underlay", "trunks=0"];
  await vsctl(spaces.switch, [...bridge, ...trunks, ...underlay], signal);
}

/**
 * Gives the router an interface `vlanN` in a VLAN with these addresses, e.g. `["10.20.0.1/16", "fd00:20::1/64"]`; a VLAN that is
 * there gets the addresses that it lacks.
 */
export async function addRouterVlan(
  spaces: Pick<FabricSpaces, "switch" | "router">,
  { vlan, gateways }: { readonly vlan: VlanId; readonly gateways: readonly string[] },
  signal: AbortSignal,
): Promise<void> {
  for (const gateway of gateways) parseInterfaceAddress(gateway);
  const [port, end] = [`router-${vlan}`, `vlan${vlan}`];
  const exists = (await spaces.router.tryExec(["ip", "link", "show", "dev", end], { signal })).code === 0;
  if (!exists) {
    await ipBatch(spaces.switch, cableLines({ port, space: spaces.router, end }), signal);
    await Promise.all([
      tuneForUserspace(spaces.switch, [port], signal),
      tuneForUserspace(spaces.router, [end], signal),
    ]);
  }
  const addressing = gateways.map(
    (gateway) => `address replace ${gateway} dev ${end}${gateway.includes(":") ? " nodad" : ""}`,
  );
  await ipBatch(spaces.router, [`link set ${end} up`, ...addressing], signal);
  await vsctl(spaces.switch, ["--may-exist", "add-port", SWITCH_BRIDGE, port, `tag=${vlan}`], signal);
}

/** Takes the router out of a VLAN; its absence is success. */
export async function removeRouterVlan(
  spaces: Pick<FabricSpaces, "switch" | "router">,
  vlan: VlanId,
  signal: AbortSignal,
): Promise<void> {
  await vsctl(spaces.switch, ["--if-exists", "del-port", SWITCH_BRIDGE, `router-${vlan}`], signal);
  await spaces.switch.tryExec(["ip", "link", "del", `router-${vlan}`], { signal });
}

/** Pulls or plugs cables at the switch: their other ends lose or get their carrier. */
export async function setPorts(
  switchSpace: LabSpace,
  ports: readonly string[],
  { state, signal }: { readonly state: "up" | "down"; readonly signal: AbortSignal },
): Promise<void> {
  await ipBatch(
    switchSpace,
    ports.map((port) => `link set ${port} ${state}`),
    signal,
  );
}

/** Runs several `ip` commands in one process. */
async function ipBatch(space: LabSpace, lines: readonly string[], signal: AbortSignal): Promise<void> {
  await space.exec(["ip", "-batch", "-"], { signal, input: `${lines.join("\n")}\n` });
}

/**
 * A userspace switch forwards what it reads from the veth as it is: a checksum that nobody has filled in would stay wrong, and
 * a segment of 64 KiB would not fit the next link.
 */
async function tuneForUserspace(space: LabSpace, interfaces: readonly string[], signal: AbortSignal): Promise<void> {
  const features = "tx off sg off tso off gso off gro off";
  const script = interfaces.map((name) => `ethtool -K ${name} ${features} >/dev/null`).join(" && ");
  await space.exec(["/bin/sh", "-c", script], { signal });
}
