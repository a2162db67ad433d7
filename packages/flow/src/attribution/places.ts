import type { AddressWords, PlacedEndpoint, Segment } from "./change.ts";
import { createOwners, type Owners } from "./owners.ts";
import { ANY, createTenures, type Holder, NOBODY, type Tenures } from "./tenures.ts";

/** Where endpoints are known by an address: everywhere, in one network, or in one tenant. */
export const EVERYWHERE = 0;
export const inNetwork = (network: number): number => 1 + 2 * network;
export const inTenant = (tenant: number): number => 2 + 2 * tenant;

/** What endpoints are known by, each with its time. */
export interface Places {
  readonly owners: Owners;
  readonly hasPorts: boolean;
  begin(endpoint: PlacedEndpoint, from: number): void;
  end(endpoint: PlacedEndpoint, to: number): void;
  plug(owner: number, ifIndex: number, from: number): void;
  unplug(owner: number, to: number): void;
  setSegment(segment: Segment, network: number): void;
  forget(before: number): void;
  /** Then, or until just before it. {@link NOBODY}, too, when it has only just changed hands: some packets may still be of the one before. */
  byPort(node: number, ifIndex: number, time: number): number;
  /** Of the MAC at a place of a key: at a node if there is one there, else anywhere. {@link ANY}: anywhere. */
  byMac(node: number, words: Uint32Array, at: number, time: number): number;
  byMacAtNode(node: number, words: Uint32Array, at: number, time: number): number;
  /** At a node, or {@link ANY}: then, or until just before it. */
  byMacLately(node: number, words: Uint32Array, at: number, time: number): number;
  /** Then, else until just before it. */
  byMacInNetwork(network: number, words: Uint32Array, at: number, time: number): number;
  /** Then, else until just before it. */
  byAddress(scope: number, words: Uint32Array, at: number, time: number): number;
  /** Of a segment's id; {@link NOBODY}: no network has it. */
  networkOf(kind: Segment["kind"], id: number): number;
}

/**
 * MACs have one key wherever they are, for few networks have the same ones; addresses have one for each scope, because every tenant may use the same
 * prefix.
 *
 * @param late milliseconds that are "just before"
 */
export function createPlaces(late: number): Places {
  const owners = createOwners();
  const ports = createTenures(2, late);
  const macs = createTenures(2, late);
  const addresses = createTenures(5, late);
  const segments = { vlan: new Map<number, number>(), vni: new Map<number, number>() };
  /** Of each owner the interface that it is at. */
  const plugged = new Map<number, number>();
  const pair = new Uint32Array(2);
  const address = new Uint32Array(5);

  /** Says the same to all that an endpoint is known by. */
  function each(endpoint: PlacedEndpoint, say: (tenures: Tenures, words: Uint32Array, holder: Holder) => void): void {
    const { number: owner, node, network } = endpoint;
    const holder = { owner, node, network };
    say(macs, pairOf(...endpoint.mac), holder);
    const scopes = [inNetwork(network), inTenant(endpoint.tenant), ...(endpoint.isRoutable ? [EVERYWHERE] : [])];
    for (const words of endpoint.addresses)
      for (const scope of scopes) say(addresses, addressKey(scope, words), holder);
  }

  function pairOf(first: number, second: number): Uint32Array {
    pair[0] = first;
    pair[1] = second;
    return pair;
  }

  function addressKey(scope: number, words: AddressWords): Uint32Array {
    address[0] = scope;
    address.set(words, 1);
    return address;
  }

  const holderOf = (owner: number): Holder => ({
    owner,
    node: owners.nodeOf(owner),
    network: owners.networkOf(owner),
  });

  function unplug(owner: number, to: number): void {
    const ifIndex = plugged.get(owner);
    if (ifIndex === undefined) return;
    plugged.delete(owner);
    const holder = holderOf(owner);
    ports.end(pairOf(holder.node, ifIndex), holder, to);
  }

  return {
    owners,
    get hasPorts() {
      return ports.size > 0;
    },
    begin(endpoint, from) {
      owners.set(endpoint);
      each(endpoint, (tenures, words, holder) => tenures.begin(words, holder, from));
    },
    end(endpoint, to) {
      unplug(endpoint.number, to);
      each(endpoint, (tenures, words, holder) => tenures.end(words, holder, to));
    },
    plug(owner, ifIndex, from) {
      if (plugged.get(owner) !== ifIndex) unplug(owner, from);
      plugged.set(owner, ifIndex);
      const holder = holderOf(owner);
      ports.begin(pairOf(holder.node, ifIndex), holder, from);
    },
    unplug,
    setSegment: ({ kind, id }, network) => void segments[kind].set(id, network),
    forget(before) {
      for (const tenures of [ports, macs, addresses]) tenures.forget(before);
    },
    byPort: (node, ifIndex, time) => ports.alone(ports.keyOf(pairOf(node, ifIndex)), time),
    byMac(node, words, at, time) {
      const key = macs.keyOf(pairOf(words[at] ?? 0, words[at + 1] ?? 0));
      const there = node === ANY ? NOBODY : macs.find(key, time, node, ANY);
      return there >= 0 ? there : macs.find(key, time, ANY, ANY);
    },
    byMacAtNode(node, words, at, time) {
      return macs.find(macs.keyOf(pairOf(words[at] ?? 0, words[at + 1] ?? 0)), time, node, ANY);
    },
    byMacLately(node, words, at, time) {
      return macs.last(macs.keyOf(pairOf(words[at] ?? 0, words[at + 1] ?? 0)), time, node, ANY);
    },
    byMacInNetwork(network, words, at, time) {
      const key = macs.keyOf(pairOf(words[at] ?? 0, words[at + 1] ?? 0));
      const found = macs.find(key, time, ANY, network);
      return found === NOBODY ? macs.last(key, time, ANY, network) : found;
    },
    byAddress(scope, words, at, time) {
      address[0] = scope;
      for (let word = 0; word < 4; word++) address[1 + word] = words[at + word] ?? 0;
      const key = addresses.keyOf(address);
      const found = addresses.find(key, time, ANY, ANY);
      return found === NOBODY ? addresses.last(key, time, ANY, ANY) : found;
    },
    networkOf: (kind, id) => segments[kind].get(id) ?? NOBODY,
  };
}
