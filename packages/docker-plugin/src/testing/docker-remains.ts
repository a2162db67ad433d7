import type { DockerCaller } from "./docker-caller.ts";

type Body = Readonly<Record<string, unknown>>;

/** What a plugin has been told to make, so that it can be told to remove it. */
export class DockerRemains {
  readonly #endpoints: Body[] = [];
  readonly #addresses: Body[] = [];
  readonly #pools = new Set<unknown>();
  readonly #networks = new Set<unknown>();

  /** A call that was a success. */
  note(method: string, body: Body, reply: Body): void {
    switch (method) {
      case "NetworkDriver.CreateNetwork":
        this.#networks.add(body.NetworkID);
        break;
      case "NetworkDriver.CreateEndpoint":
        this.#endpoints.push({ NetworkID: body.NetworkID, EndpointID: body.EndpointID });
        break;
      case "IpamDriver.RequestPool":
        this.#pools.add(reply.PoolID);
        break;
      case "IpamDriver.RequestAddress":
        this.#addresses.push({ PoolID: body.PoolID, Address: String(reply.Address).split("/")[0] });
        break;
    }
  }

  /** Removes everything in Docker's order; what is gone already, or refuses to go, is for the case to have found. */
  async takeAway(caller: DockerCaller): Promise<void> {
    const removals: [string, Body][] = [
      ...this.#endpoints.map((ids): [string, Body] => ["NetworkDriver.Leave", ids]),
      ...this.#endpoints.map((ids): [string, Body] => ["NetworkDriver.DeleteEndpoint", ids]),
      ...this.#addresses.map((address): [string, Body] => ["IpamDriver.ReleaseAddress", address]),
      ...[...this.#pools].map((PoolID): [string, Body] => ["IpamDriver.ReleasePool", { PoolID }]),
      ...[...this.#networks].map((NetworkID): [string, Body] => ["NetworkDriver.DeleteNetwork", { NetworkID }]),
    ];
    for (const [method, body] of removals) await caller.call(method, body).catch(() => undefined);
  }
}
