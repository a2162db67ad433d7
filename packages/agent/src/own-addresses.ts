import { Cidr, type Clock, HoldfastError, Identity, IpAddress, MacAddress, type Name } from "@holdfast/core";
import { type ReserveRequest, sameLabels, type WiredNetwork } from "@holdfast/model";
import type { BlockAddresses } from "./block-addresses.ts";
import type { Book } from "./book.ts";
import { mayGive } from "./held-block.ts";
import { callName, type LocalEndpoint, networkKey } from "./local-endpoint.ts";
import type { Reporter } from "./reporter.ts";

/** Addresses that this node gives by itself, from its blocks, whether a controller answers or not (decision 0007). */
export interface OwnAddresses {
  /** Whether the request is for an address of a block of this node, and no other question of the controller's. */
  covers(request: AddressRequest): boolean;
  /**
   * An endpoint with addresses of this node's blocks, on disk unless an attachment follows; undefined: the controller has to be asked.
   *
   * @throws HoldfastError `address_in_use`: just this address is asked for, and a container here has it.
   */
  reserve(request: ReserveRequest, owed: number): Promise<LocalEndpoint> | undefined;
  /** Why this node could not give an address by itself; undefined: its network is not one of which it gives any. */
  whyNone(request: ReserveRequest, cause: unknown): HoldfastError | undefined;
}

/** A request, as far as it counts for who answers it. */
type AddressRequest = Pick<ReserveRequest, "tenant" | "network" | "address" | "identity" | "also" | "range" | "labels">;

export interface OwnAddressesDependencies {
  readonly book: Book;
  readonly addresses: BlockAddresses;
  readonly reporter: Pick<Reporter, "notify">;
  readonly clock: Clock;
  /** A new endpoint id, never the same twice. */
  readonly newId: () => string;
  /** Addresses were given: there may have to be more. */
  readonly given: () => void;
}

export function createOwnAddresses(dependencies: OwnAddressesDependencies, node: Name): OwnAddresses {
  const { book, addresses, reporter, clock, newId, given } = dependencies;
  const before = [...book.endpoints.values()].map(({ made }) => (made === undefined ? 0 : Date.parse(made)));
  let lastMade = before.reduce((latest, time) => Math.max(latest, time), 0);

  /** The network, when this node gives addresses of it and knows all endpoints of its own. */
  function networkOf(request: Pick<ReserveRequest, "tenant" | "network">): WiredNetwork | undefined {
    const network = book.networkByName(networkKey(request));
    return book.complete && network?.nodeBlocks !== undefined ? network : undefined;
  }

  function covers(request: AddressRequest): boolean {
    const { address } = request;
    if (address === undefined || !isPlain(request) || networkOf(request) === undefined) return false;
    return addresses.blocksOf(networkKey(request), IpAddress.family(address)).some((block) => mayGive(block, address));
  }

  /** Just this one, or one of each family that the network has. */
  function choose(request: ReserveRequest, network: WiredNetwork): readonly IpAddress[] | undefined {
    const key = networkKey(request);
    const { address } = request;
    if (address !== undefined) {
      if (!covers(request)) return undefined;
      const holder = book.holderOf(key, address);
      // The controller has not heard yet of what was found, and knows what to say then.
      if (holder?.conflicts !== undefined) return undefined;
      if (holder === undefined || holder.phase === "released") return [address];
      const message = `${address} of ${holder.identity} is in use on this node (${node}) by ${callName(holder)}; stop that first`;
      throw new HoldfastError("address_in_use", message, { details: { identity: holder.identity, node } });
    }
    const cooldown = (network.nodeBlocks?.cooldownSeconds ?? 0) * 1000;
    const families = [...new Set(network.subnets.map(({ prefix }) => Cidr.family(prefix)))].sort();
    const found = families.flatMap((family) => addresses.next(key, family, cooldown) ?? []);
    return found.length === families.length ? found : undefined;
  }

  /** The order in which endpoints of one address were made is told by their times. */
  function timeOfMaking(): string {
    lastMade = Math.max(clock.now().getTime(), lastMade + 1);
    return new Date(lastMade).toISOString();
  }

  return {
    covers,

    reserve(request, owed) {
      const network = isPlain(request) ? networkOf(request) : undefined;
      const chosen = network && choose(request, network);
      const [first] = chosen ?? [];
      if (network === undefined || chosen === undefined || first === undefined) return undefined;
      const { tenant, network: name, runtime, requester, container } = request;
      const id = newId();
      const made = timeOfMaking();
      const endpoint: LocalEndpoint = {
        id,
        tenant,
        network: name,
        networkId: network.id,
        identity: Identity.parse(`ephemeral/${id}`),
        ephemeral: true,
        epoch: 1,
        addresses: [...chosen],
        mac: MacAddress.ofAddress(first, network.segment),
        phase: "reserved",
        since: clock.now().getTime(),
        workload: { runtime, ...(container === undefined ? {} : { container }) },
        requester,
        grants: 1 + owed,
        ports: [],
        unreported: [{ phase: "reserved", at: made, actor: `node/${node}` }],
        known: false,
        ...(network.conflictProbe === undefined ? {} : { probeDue: true }),
        made,
      };
      // In one stretch with the choice: nobody else finds the address free.
      const kept = book.putEndpoint(endpoint);
      reporter.notify(id);
      given();
      if (request.attachFollows !== true) return kept.then(() => endpoint);
      // The attachment writes the whole record again, and fails when that cannot be written.
      kept.catch(() => undefined);
      return Promise.resolve(endpoint);
    },

    whyNone(request, cause) {
      if (networkOf(request) === undefined || !isPlain(request) || request.address !== undefined) return undefined;
      return new HoldfastError(
        "unavailable",
        `no controller answers, and of this node's (${node}) blocks of ${networkKey(request)} no address is free: all are in use or were a short while ` +
          "ago; remove a container, or wait for the controller",
        { cause },
      );
    },
  };
}

/**
 * Whether an identity has a claim, only the controller knows, and so with which policies labels choose; several addresses may be in blocks of several nodes,
 * and one of a range anywhere.
 */
function isPlain({ identity, also = [], range, labels }: AddressRequest): boolean {
  return identity === undefined && also.length === 0 && range === undefined && sameLabels(labels);
}
