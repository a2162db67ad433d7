import { HoldfastError, type MacAddress } from "@holdfast/core";
import type { Kernel, TrafficControl } from "@holdfast/netlink";
import { endpointAlias } from "../links/link-alias.ts";
import type { HostTools } from "../machine/host-tools.ts";
import { queueName, returnName } from "./qos-row.ts";

export interface QueueLoopTools {
  readonly kernel: Kernel;
  readonly traffic: TrafficControl;
  readonly host: Pick<HostTools, "setSysctl">;
}

/** Bytes, the most that a veth takes: whatever the endpoint sends passes. */
const MTU = 65_535;

/**
 * For what endpoints send: a veth, in the queue of one end of which packets wait, and from whose other end they come in at the endpoint's link again, as if it had just received them.
 *
 * The kernel leads what has waited in an ifb past the next egress hook (`nf_skip_egress`, drivers/net/ifb.c): a guarantee on the uplink and the limit of a receiver on the same machine
 * would not see it.
 */
export class QueueLoops {
  readonly #tools: QueueLoopTools;

  constructor(tools: QueueLoopTools) {
    this.#tools = tools;
  }

  /** Gives the index of the end where packets wait. What is right is not written. */
  async set(link: string, endpoint: string): Promise<number> {
    const { kernel, traffic } = this.#tools;
    const [name, back] = [queueName(link, "egress"), returnName(link)];
    const alias = endpointAlias(endpoint);
    const present = await kernel.getLink(name);
    // It is up when everything else of it is done.
    const isWhole = present?.kind === "veth" && present.alias === alias && present.up;
    if (!isWhole) {
      if (present !== undefined) await kernel.deleteLink(name);
      await this.#create({ name, back, alias, mac: await this.#macOf(link) });
    }
    traffic.redirectIngress({ from: back, to: link });
    if (isWhole) return present.index;
    await kernel.apply([back, name].map((end) => ({ kind: "up", link: end })));
    return (await kernel.getLink(name))?.index ?? 0;
  }

  /** The kernel sees by its MAC whether a packet is for a link, and packets are for the endpoint's. */
  async #create({ name, back, alias, mac }: Loop): Promise<void> {
    const { kernel, host } = this.#tools;
    await kernel.createVeth({ name, peer: back, peerMac: mac, mtu: MTU, alias });
    // So that the kernel sends nothing of its own through it. A kernel without IPv6 has no such setting.
    for (const end of [name, back]) {
      await host.setSysctl(`net.ipv6.conf.${end}.disable_ipv6`, "1", "new").catch(() => undefined);
    }
  }

  async #macOf(link: string): Promise<MacAddress> {
    const mac = (await this.#tools.kernel.getLink(link))?.mac;
    if (mac === undefined) throw new HoldfastError("not_found", `link ${link} is gone; detach its endpoint`);
    return mac;
  }
}

interface Loop {
  readonly name: string;
  readonly back: string;
  readonly alias: string;
  readonly mac: MacAddress;
}
