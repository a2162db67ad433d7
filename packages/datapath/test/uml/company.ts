import { MacAddress } from "@holdfast/core";
import { asRemote, wiring } from "../../src/testing/parties.ts";
import { createSandbox, type Host, type Sandbox } from "../fabric.ts";

/** In VLAN 100. */
export const ROUTER = { v4: "10.20.0.1", v6: "fd00:20::1" };
/** In the VXLAN network 4711, at a tunnel endpoint that is not ours. */
export const STRANGER = { v4: "10.30.0.99", v6: "fd00:30::99", tunnelAddress: "192.168.50.1" };
const STRANGER_MAC = MacAddress.parse("02:64:0a:1e:00:63");

/** What is not ours and made by the kernel's own means: a switch with trunks, a router's leg in a VLAN, a VXLAN tunnel endpoint. */
export class Company implements AsyncDisposable {
  readonly inside: Sandbox;
  #trunks = 0;

  private constructor(inside: Sandbox) {
    this.inside = inside;
  }

  static async start(): Promise<Company> {
    const inside = await createSandbox();
    const ip = (text: string): Promise<string> => inside.exec("ip", ...text.split(" "));
    await ip("link add sw type bridge mcast_snooping 0");
    await ip("link set sw mtu 1600 up");
    await ip(`address add ${STRANGER.tunnelAddress}/24 dev sw`);
    await ip("link add link sw name vlan100 mtu 1500 type vlan id 100");
    await ip("link set vlan100 up");
    await ip(`address add ${ROUTER.v4}/24 dev vlan100`);
    await ip(`address add ${ROUTER.v6}/64 dev vlan100 nodad`);
    await ip(`link add vx4711 address ${STRANGER_MAC} type vxlan id 4711 dstport 4789 local ${STRANGER.tunnelAddress}`);
    await ip("link set vx4711 mtu 1450 up");
    await ip(`address add ${STRANGER.v4}/24 dev vx4711`);
    await ip(`address add ${STRANGER.v6}/64 dev vx4711 nodad`);
    return new Company(inside);
  }

  /** How our machines know the stranger. */
  get stranger() {
    const endpoint = wiring("stranger", "n8", [STRANGER.v4, STRANGER.v6], { mac: STRANGER_MAC });
    return asRemote(endpoint, STRANGER.tunnelAddress);
  }

  /** Gives the machine a trunk interface `eth1`; the stranger's floods reach its tunnel address. */
  async join(host: Host, tunnelAddress: string): Promise<void> {
    const name = `p${++this.#trunks}`;
    const { kernel } = this.inside;
    await kernel.createVeth({ name, peer: `${name}x`, mtu: 1600, up: true });
    await kernel.setLink(`${name}x`, { namespace: host.path });
    await host.kernel.setLink(`${name}x`, { name: "eth1", up: true });
    await this.inside.exec("ip", "link", "set", name, "master", "sw");
    const flood = ["fdb", "append", "00:00:00:00:00:00", "dev", "vx4711", "dst", tunnelAddress];
    await this.inside.exec("bridge", ...flood);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.inside[Symbol.asyncDispose]();
  }
}
