import { DIALECTS, DockerCaller } from "@holdfast/docker-plugin/testing";
import type { LabHost } from "@holdfast/lab";
import type { Engine } from "./engine.ts";
import { timed } from "./statistics.ts";

/** One endpoint that was attached by hand, the way dockerd does it. */
interface Played {
  readonly endpoint: string;
  readonly address: string;
}

/** Plays dockerd's part against the plugin of a lab host, so that only our own work is timed. */
export class AttachPlayer {
  readonly #caller: DockerCaller;
  readonly #networkId: string;
  readonly #poolId: string;
  #count = 0;

  private constructor(caller: DockerCaller, networkId: string, poolId: string) {
    this.#caller = caller;
    this.#networkId = networkId;
    this.#poolId = poolId;
  }

  static async open(host: LabHost, engine: Engine, network: string, subnet: string): Promise<AttachPlayer> {
    const dialect = DIALECTS[0];
    if (dialect === undefined) throw new TypeError("no dialect");
    const caller = new DockerCaller(host.path("/run/docker/plugins/holdfast.sock"), dialect);
    const { Id } = (await engine.get(`/networks/${network}`)) as { Id: string };
    const options = { "holdfast.network": `default/${network}` };
    const pool = { AddressSpace: "holdfast", Pool: subnet, SubPool: "", Options: options, V6: false };
    const { PoolID } = (await caller.expect("IpamDriver.RequestPool", pool)) as { PoolID: string };
    return new AttachPlayer(caller, Id, PoolID);
  }

  /** RequestAddress, CreateEndpoint and Join; gives the milliseconds that they took together. */
  async attach(): Promise<{ readonly milliseconds: number; readonly played: Played }> {
    const endpoint = `b${String(this.#count++).padStart(63, "0")}`;
    let address = "";
    const milliseconds = await timed(async () => {
      const request = { PoolID: this.#poolId, Address: "", Options: null };
      ({ Address: address } = (await this.#caller.expect("IpamDriver.RequestAddress", request)) as { Address: string });
      const names = { NetworkID: this.#networkId, EndpointID: endpoint };
      const face = { Address: address, AddressIPv6: "", MacAddress: "" };
      await this.#caller.expect("NetworkDriver.CreateEndpoint", { ...names, Interface: face, Options: {} });
      await this.#caller.expect("NetworkDriver.Join", {
        ...names,
        SandboxKey: `/var/run/docker/netns/${endpoint.slice(-12)}`,
      });
    });
    return { milliseconds, played: { endpoint, address } };
  }

  /** Leave, DeleteEndpoint and ReleaseAddress. */
  async detach({ endpoint, address }: Played): Promise<void> {
    const names = { NetworkID: this.#networkId, EndpointID: endpoint };
    await this.#caller.expect("NetworkDriver.Leave", names);
    await this.#caller.expect("NetworkDriver.DeleteEndpoint", names);
    const given = { PoolID: this.#poolId, Address: address.split("/")[0] };
    await this.#caller.expect("IpamDriver.ReleaseAddress", given);
  }

  close(): void {
    this.#caller.close();
  }
}
