import {
  HAS_DESTINATION_MAC,
  HAS_INPUT,
  HAS_SOURCE_MAC,
  IS_COUNTED,
  IS_V4,
  IS_V6,
  SEGMENT_VLAN,
  SEGMENT_VNI,
  TRAFFIC_DESTINATION,
  TRAFFIC_DESTINATION_MAC,
  TRAFFIC_DESTINATION_OWNER,
  TRAFFIC_FLAGS,
  TRAFFIC_INPUT,
  TRAFFIC_SEGMENT,
  TRAFFIC_SOURCE,
  TRAFFIC_SOURCE_MAC,
  TRAFFIC_SOURCE_OWNER,
  VANTAGE_BITS,
} from "../numbers/traffic-key.ts";
import { AT_PORT, AT_UNDERLAY } from "../numbers/vantage.ts";
import type { InventoryChange } from "./change.ts";
import { createEpochs } from "./epochs.ts";
import { createExportingNodes } from "./exporting-nodes.ts";
import { createPlaces, EVERYWHERE, inNetwork, inTenant } from "./places.ts";
import { createSeenPorts } from "./seen-ports.ts";
import { AMBIGUOUS, ANY, NOBODY } from "./tenures.ts";
import { createUplinks } from "./uplinks.ts";

/** Says whose packets are, as it was when they were sampled. */
export interface Attribution {
  apply(change: InventoryChange): void;
  /**
   * As long as it is the same, equal keys of one exporter are attributed equally: it grows with each {@link apply}, and with each {@link hear} of a time at
   * which something has begun or ended since the one before. That a node has fallen silent is no reason.
   */
  readonly epoch: number;
  /** The samples that follow are of this datagram, see `HEAD_`, that came at a time. */
  hear(head: Uint32Array, time: number): void;
  /**
   * Writes into a traffic key whose its ends are, and whether it is where these packets are counted. What then says no more is taken out of the key: the
   * interface, and MACs of who is known by name or address.
   */
  attribute(key: Uint32Array): void;
  /**
   * Whose port an interface of the exporter is that was heard last, at that time: as its agent says, else whose packets came by it last. -1: nobody's, or
   * not known.
   */
  ownerOfPort(ifIndex: number): number;
}

/**
 * Milliseconds: exporters send at least each second what they have collected, and it takes a moment to arrive. So who had something until just before a
 * sample came is whose it is, when nobody has it since.
 */
const COLLECTED = 1500;

/**
 * Source and destination are looked up one after the other, each by what says most: the port that it came by; its MAC, at the exporter's own node, in
 * the network of the other end, anywhere; its address, in that network, in its tenant, anywhere.
 *
 * Packets are counted where their source's own node samples them as they come from it. Of a source whose node does not sample, or that is outside, they are
 * counted at the destination's node; and where neither has one that samples, wherever they are seen.
 */
export function createAttribution(): Attribution {
  const places = createPlaces(COLLECTED);
  const { owners } = places;
  const exporting = createExportingNodes();
  const uplinks = createUplinks();
  const seenPorts = createSeenPorts();
  let node = NOBODY;
  let time = 0;
  const epochs = createEpochs();

  function apply(change: InventoryChange): void {
    epochs.note("from" in change ? change.from : "to" in change ? change.to : 0);
    if (change.kind === "end" || change.kind === "unplug") epochs.note(change.to + COLLECTED);
    if (change.kind === "plug") epochs.note(change.from + COLLECTED);
    take(change);
  }

  function take(change: InventoryChange): void {
    switch (change.kind) {
      case "begin":
        places.begin(change.endpoint, change.from);
        break;
      case "end":
        places.end(change.endpoint, change.to);
        seenPorts.forget(change.endpoint.number);
        break;
      case "plug":
        places.plug(change.endpoint, change.ifIndex, change.from);
        break;
      case "unplug":
        places.unplug(change.endpoint, change.to);
        break;
      case "node":
        exporting.set(change.node, change.agents, change.from);
        break;
      case "segment":
        places.setSegment(change.segment, change.network);
        break;
      case "forget":
        places.forget(change.before);
        break;
    }
  }

  /** Who sent it by its own port or MAC: not what a router has passed on. */
  function senderOf(key: Uint32Array, flags: number): number {
    const isPort = (flags & VANTAGE_BITS) === AT_PORT && node !== NOBODY;
    if (isPort && places.hasPorts && (flags & HAS_INPUT) !== 0) {
      const found = places.byPort(node, key[TRAFFIC_INPUT] ?? 0, time);
      if (found !== NOBODY) return found;
    }
    if ((flags & HAS_SOURCE_MAC) === 0) return NOBODY;
    const port = isPort && (flags & HAS_INPUT) !== 0 ? (key[TRAFFIC_INPUT] ?? 0) : 0;
    const here = isPort ? places.byMacAtNode(node, key, TRAFFIC_SOURCE_MAC, time) : NOBODY;
    if (here >= 0) {
      owners.sawPort(here, port);
      if (port !== 0) seenPorts.set(node, port, here);
      return here;
    }
    const former = port === 0 || here === AMBIGUOUS ? NOBODY : formerSender(key, port);
    if (former !== NOBODY) return former;
    const elsewhere = places.byMac(ANY, key, TRAFFIC_SOURCE_MAC, time);
    if (elsewhere >= 0 && port !== 0) uplinks.add(node, port);
    return elsewhere;
  }

  /**
   * Who has just gone from the exporter's node. An exporter collects samples for up to a second: what comes just after its sender has gone is still that
   * one's, if it came by his port. By the uplink, the same MAC may come from where he has gone to.
   */
  function formerSender(key: Uint32Array, port: number): number {
    const former = places.byMacLately(node, key, TRAFFIC_SOURCE_MAC, time);
    if (former === NOBODY) return NOBODY;
    const known = owners.portOf(former);
    return known === port || (known === 0 && !uplinks.has(node, port)) ? former : NOBODY;
  }

  /** Who takes it by its own MAC. Frames stay in their network, so that of a known sender only that one is looked at. */
  function receiverOf(key: Uint32Array, flags: number, sender: number): number {
    if ((flags & HAS_DESTINATION_MAC) === 0) return NOBODY;
    if (sender >= 0) return places.byMacInNetwork(owners.networkOf(sender), key, TRAFFIC_DESTINATION_MAC, time);
    const found = places.byMac(node, key, TRAFFIC_DESTINATION_MAC, time);
    return found === NOBODY ? places.byMacLately(ANY, key, TRAFFIC_DESTINATION_MAC, time) : found;
  }

  /** By the address at a place of the key, seen from the other end. */
  function byAddress(key: Uint32Array, at: number, other: number): number {
    const flags = key[TRAFFIC_FLAGS] ?? 0;
    if ((flags & (IS_V4 | IS_V6)) === 0) return NOBODY;
    const network = other >= 0 ? owners.networkOf(other) : networkBySegment(key, flags);
    if (network !== NOBODY) {
      const found = places.byAddress(inNetwork(network), key, at, time);
      if (found !== NOBODY) return found;
    }
    if (other >= 0) {
      const found = places.byAddress(inTenant(owners.tenantOf(other)), key, at, time);
      if (found !== NOBODY) return found;
    }
    return places.byAddress(EVERYWHERE, key, at, time);
  }

  function networkBySegment(key: Uint32Array, flags: number): number {
    const id = key[TRAFFIC_SEGMENT] ?? 0;
    if ((flags & SEGMENT_VNI) !== 0) return places.networkOf("vni", id);
    return (flags & SEGMENT_VLAN) !== 0 ? places.networkOf("vlan", id) : NOBODY;
  }

  function samples(owner: number): boolean {
    return owner >= 0 && owners.isSampled(owner) && exporting.exports(owners.nodeOf(owner), time);
  }

  function isCounted(vantage: number, source: number, isSender: boolean, destination: number): boolean {
    if (vantage === AT_UNDERLAY) return false;
    if (samples(source)) return isSender && vantage === AT_PORT && owners.nodeOf(source) === node;
    if (samples(destination)) return owners.nodeOf(destination) === node;
    return vantage === AT_PORT;
  }

  return {
    apply,
    ownerOfPort(ifIndex) {
      if (node === NOBODY) return NOBODY;
      const told = places.hasPorts ? places.byPort(node, ifIndex, time) : NOBODY;
      return told >= 0 ? told : seenPorts.ownerOf(node, ifIndex);
    },
    get epoch() {
      return epochs.epoch;
    },
    hear(head, at) {
      epochs.moveTo(at);
      time = at;
      const { returns } = exporting;
      node = exporting.hear(head, at);
      // What was counted elsewhere while it was silent is counted here again.
      if (exporting.returns !== returns) epochs.note(at);
    },
    attribute(key) {
      const flags = key[TRAFFIC_FLAGS] ?? 0;
      const sender = senderOf(key, flags);
      const receiver = receiverOf(key, flags, sender);
      const source = sender >= 0 ? sender : clearer(byAddress(key, TRAFFIC_SOURCE, receiver), sender);
      const destination = receiver >= 0 ? receiver : clearer(byAddress(key, TRAFFIC_DESTINATION, source), receiver);
      key[TRAFFIC_SOURCE_OWNER] = wordOf(source);
      key[TRAFFIC_DESTINATION_OWNER] = wordOf(destination);
      const counted = isCounted(flags & VANTAGE_BITS, source, sender >= 0, destination) ? IS_COUNTED : 0;
      key[TRAFFIC_FLAGS] = (flags & ~IS_COUNTED) | counted;
      thin(key, source, destination);
    },
  };
}

/** Of what two ways of looking found, neither of them an owner for sure: one that is, else that there are several. */
function clearer(found: number, before: number): number {
  return found === NOBODY ? before : found;
}

function wordOf(owner: number): number {
  if (owner === NOBODY) return 0;
  return owner === AMBIGUOUS ? 1 : owner + 2;
}

/** Takes out what says no more, so that one kind of traffic is one row whatever it came by. */
function thin(key: Uint32Array, source: number, destination: number): void {
  const flags = key[TRAFFIC_FLAGS] ?? 0;
  const hasIp = (flags & (IS_V4 | IS_V6)) !== 0;
  let left = flags & ~HAS_INPUT;
  key[TRAFFIC_INPUT] = 0;
  if (source >= 0 || hasIp) left = withoutMac(key, TRAFFIC_SOURCE_MAC, left & ~HAS_SOURCE_MAC);
  if (destination >= 0 || (hasIp && !isGroup(key)))
    left = withoutMac(key, TRAFFIC_DESTINATION_MAC, left & ~HAS_DESTINATION_MAC);
  key[TRAFFIC_FLAGS] = left;
}

function withoutMac(key: Uint32Array, at: number, flags: number): number {
  key[at] = 0;
  key[at + 1] = 0;
  return flags;
}

/** The lowest bit of the first byte (IEEE 802 section 8.2). */
function isGroup(key: Uint32Array): boolean {
  return ((key[TRAFFIC_DESTINATION_MAC] ?? 0) & 0x0100) !== 0;
}
