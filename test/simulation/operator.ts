import type { FetchLike } from "@holdfast/client";
import { type Client, createClient } from "@holdfast/client";
import { Identity, type IpAddress, isHoldfastError } from "@holdfast/core";
import { type Claim, type Route, type RouteInput, type RouteReply, routes } from "@holdfast/model";
import { SimulatedProcess } from "./process.ts";
import { NETWORK, TENANT } from "./runtime.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Way } from "./transport.ts";

/** Claims that are made and released by hand. */
export const IDENTITIES = ["redis-0", "redis-1", "redis-2"].map((identity) => Identity.parse(identity));

/** Who works with the REST API, and knows what he was told. */
export class Operator {
  /** Claims that were acknowledged, and whose release was not asked for since. */
  readonly claimed = new Map<Identity, Claim>();
  /** Endpoints and identities that were cut off by force, as far as anybody has asked for it. */
  readonly forced = new Set<string>();
  /** Whether nodes look for machines outside. */
  probed = false;
  readonly #client: Client;
  readonly #scheduler: Scheduler;
  readonly #busy = new Set<string>();

  constructor(scheduler: Scheduler, fetchOf: (process: SimulatedProcess, way: Way) => FetchLike) {
    this.#scheduler = scheduler;
    const fetch = fetchOf(new SimulatedProcess(scheduler, "operator"), { cut: false });
    this.#client = createClient({ fetch }, { server: "http://controllers" });
  }

  /** Makes the network that everything happens in; repeats it until it is there. */
  async prepare(): Promise<void> {
    // In some worlds nodes give addresses by themselves.
    const blocks = this.#scheduler.chance(0.4);
    const subnets = blocks
      ? [{ prefix: "10.20.0.0/26" }, { prefix: "fd00:20::/122" }]
      : [{ prefix: "10.20.0.0/28" }, { prefix: "fd00:20::/124" }];
    const nodeBlocks = blocks ? { nodeBlocks: { size: 4 } } : {};
    // In some, machines outside have addresses, and nodes ask before they use one.
    this.probed = this.#scheduler.chance(0.3);
    // What ends by itself soon hides what is wrong until then.
    const quarantine = this.#scheduler.chance(0.3) ? { quarantineSeconds: 60 } : {};
    const kind = this.probed
      ? { kind: "vlan" as const, segment: 100, conflictProbe: quarantine }
      : { kind: "vxlan" as const, segment: 10_000 };
    const body = { name: NETWORK, ...kind, cooldownSeconds: 5, subnets, ...nodeBlocks };
    for (let made = false; !made; ) {
      await this.#ask(routes.createNetwork, { params: { tenant: TENANT }, body }).catch(() => undefined);
      made = await this.#ask(routes.getNetwork, { params: { tenant: TENANT, network: NETWORK } }).then(
        () => true,
        () => false,
      );
    }
  }

  async claim(identity: Identity, addresses?: IpAddress[]): Promise<void> {
    await this.#alone(identity, async () => {
      const retention = this.#scheduler.chance(0.3) ? { kind: "sticky" as const, ttlSeconds: 31_000_000 } : undefined;
      const body = {
        identity,
        ...(addresses === undefined ? {} : { addresses }),
        ...(retention === undefined ? {} : { retention }),
      };
      const claim = await this.#ask(routes.createClaim, { params: { tenant: TENANT, network: NETWORK }, body });
      this.claimed.set(identity, claim);
    });
  }

  /** Of what was looked at before: a release that arrives late must not end a claim that was made again since. */
  async release(identity: Identity): Promise<void> {
    await this.#alone(identity, async () => {
      const params = { tenant: TENANT, network: NETWORK, identity };
      const { revision } = await this.#ask(routes.getClaim, { params });
      const known = this.claimed.get(identity);
      this.claimed.delete(identity);
      await this.#ask(routes.releaseClaim, { params }, revision).catch((error: unknown) => {
        // Who was refused knows that it is still there.
        if (known !== undefined && isHoldfastError(error, "claim_bound")) this.claimed.set(identity, known);
      });
    });
  }

  async move(identity: Identity, node: string | undefined, force: boolean): Promise<void> {
    await this.#alone(identity, async () => {
      if (force) this.forced.add(identity);
      const params = { tenant: TENANT, network: NETWORK, identity };
      const body = { force, ...(node === undefined ? {} : { node }) };
      await this.#ask(routes.moveClaim, { params, body });
    });
  }

  /** Takes the word of somebody who says that the machine outside is gone, which it is not. */
  async releaseQuarantine(address: IpAddress): Promise<void> {
    const params = { tenant: TENANT, network: NETWORK, address };
    await this.#ask(routes.releaseQuarantine, { params, body: {} }).catch(() => undefined);
  }

  async cutOff(endpoint: string): Promise<void> {
    this.forced.add(endpoint);
    await this.#ask(routes.deleteEndpoint, { params: { endpoint } }).catch(() => undefined);
  }

  /** One request about an identity at a time, so that what was acknowledged is what is; refusals are part of life. */
  async #alone(identity: Identity, work: () => Promise<void>): Promise<void> {
    if (this.#busy.has(identity)) return;
    this.#busy.add(identity);
    await work().catch(() => undefined);
    this.#busy.delete(identity);
  }

  async #ask<R extends Route>(route: R, input: RouteInput<R>, ifMatch?: number): Promise<RouteReply<R>> {
    const patience = new AbortController();
    const cancel = this.#scheduler.addTimer(undefined, 5000, "the operator gives up", () =>
      patience.abort(new Error("gave up")),
    );
    try {
      return await this.#client.call(route, input, { signal: patience.signal, ifMatch });
    } finally {
      cancel();
    }
  }
}
