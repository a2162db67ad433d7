import type { Cidr, IpAddress, MacAddress } from "@holdfast/core";
import type { EndpointQos, Guard, PublishedPort, RemoteBlock, RemoteEndpoint, WiredNetwork } from "@holdfast/model";
import type { EndpointPrograms, PolicyChange, ProgramId, RuleId } from "@holdfast/policy";

/**
 * One way of carrying frames. The driver turns desired state into rows of tables; the reconciler brings kernel and switch to them.
 *
 * Setting what is set and removing what is absent are no news. Nothing that exists is pruned before {@link DatapathDriver.synced}.
 */
export interface DatapathDriver {
  /** Absent: it enforces no policy, and refuses to attach an endpoint that has one ({@link EndpointWiring.policy}). */
  readonly policy?: PolicyDatapath | undefined;

  /** Adds or changes a network. Endpoints of it follow by themselves. */
  setNetwork(network: WiredNetwork): void;
  removeNetwork(id: string): void;

  /** Adds or changes where addresses of a VXLAN or routed network live on another node. */
  setRemote(remote: RemoteEndpoint): void;
  removeRemote(id: string): void;

  /** Adds or changes which node has a block of a routed network; of single addresses in it {@link setRemote} knows better. */
  setRemoteBlock(block: RemoteBlock): void;
  removeRemoteBlock(id: string): void;

  /** Adds or changes a block of a routed network that this node has: packets for what nobody has of it end here, and who sends them is told. */
  setOwnBlock(block: OwnBlock): void;
  removeOwnBlock(id: string): void;

  /**
   * Wires an endpoint and resolves when its interface waits for the runtime and its flows are in the switch: when it comes up, it has its
   * address, and its neighbours can reach it. A restart of the agent calls it again with the same wiring: then nothing may change.
   *
   * @throws HoldfastError with the step that failed; what was made for it is taken down again.
   */
  attach(endpoint: EndpointWiring, signal: AbortSignal): Promise<AttachedPort>;

  /**
   * Resolves when no frame can enter or leave any more. The slow rest (the port's row, the link) follows in the background and is
   * finished by a later run if this one dies.
   */
  detach(endpointId: string, signal: AbortSignal): Promise<void>;

  /**
   * Resolves when no frame is treated any more as it was before this call: a switch remembers for some milliseconds what became of frames, also of those of an
   * endpoint that was detached. Absent: nothing is remembered.
   */
  quiet?(signal: AbortSignal): Promise<void>;

  /** Tells the neighbours where the endpoint's addresses are now: gratuitous ARP and unsolicited neighbour advertisement. */
  announce(endpointId: string, signal: AbortSignal): Promise<void>;

  /**
   * Looks for machines outside that have addresses of a VLAN, before an endpoint has them: asks several times and hears who answers (RFC 5227, RFC
   * 4862). Resolves with the first that does; empty: nobody has in that time.
   *
   * @throws HoldfastError `unavailable`: nobody can be asked, because there is no uplink or the switch does not answer.
   */
  probe(question: AddressQuestion, signal: AbortSignal): Promise<readonly AddressConflict[]>;

  /** The desired state is complete: from now on what is ours and not desired is removed. Resolves after the first full pass. */
  synced(signal: AbortSignal): Promise<void>;

  /** What happens to attached interfaces, from now on, beginning with the state of each. */
  watch(signal: AbortSignal): AsyncIterable<PortEvent>;

  /**
   * Every interface that the machine has for an endpoint, whoever attached it, and every endpoint that is attached; asked of the kernel. What is on
   * its way out and carries nothing any more is left out.
   */
  inventory(signal: AbortSignal): Promise<readonly WiredInterface[]>;

  /** Every row that is not as desired, with the reason; empty when all is well. */
  status(): readonly RowStatus[];

  close(): Promise<void>;
}

/** A block of a routed network whose addresses this node gives out. */
export interface OwnBlock {
  /** Of its lease: a prefix may come again under another one. */
  readonly id: string;
  readonly prefix: Cidr;
}

/** What enforces rule programs. `packages/policy/DESIGN.md` says what they mean. */
export interface PolicyDatapath {
  /**
   * Brings a change into force and resolves when it is: from then on no new connection is decided by what was before, and established ones that the
   * new programs deny are cut. On the way each packet is decided by the former or by the new state of its endpoint, never by less than one of them.
   * The first call after a start has all that there is; what the kernel or switch has already of it is left alone, and what it has beyond it
   * goes with {@link DatapathDriver.synced}.
   *
   * Of endpoints that are not attached, and of those that were attached without programs, nothing has to be known: they come, or come again, with
   * {@link EndpointWiring.policy}.
   *
   * @throws HoldfastError with what was refused; what was in force stays.
   */
  applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void>;

  /** What rules have decided since the data path has them. Counts of a rule survive changes of others, and a restart of the agent. */
  ruleCounters(signal: AbortSignal): Promise<readonly RuleCounter[]>;

  /** What the guards against spoofing have dropped, of all endpoints. A count may begin anew when an endpoint goes. */
  guardCounters(signal: AbortSignal): Promise<readonly GuardCounter[]>;
}

/** At most one of each guard. */
export interface GuardCounter {
  readonly guard: Guard;
  readonly packets: number;
  readonly bytes: number;
}

/** Of packets that a rule has decided about: of an allowed connection at least the first, of a denied one each. */
export interface RuleCounter {
  readonly program: ProgramId;
  readonly rule: RuleId;
  readonly packets: number;
  readonly bytes: number;
}

/** All that the data path needs to know of one local endpoint. */
export interface EndpointWiring {
  /** The agent's id of the endpoint: key of the row, recorded in the switch. */
  readonly id: string;
  /** Network id, e.g. `"n7"`. */
  readonly network: string;
  /** The first of each family is the one that a published port leads to. */
  readonly addresses: readonly IpAddress[];
  readonly mac: MacAddress;
  readonly epoch: number;
  readonly ports: readonly PublishedPort[];
  /**
   * What the container's interface is for. A driver that makes the interface for this endpoint makes it there and under that name: to move one takes the
   * kernel tens of milliseconds, for which nobody else changes links, and a new name one. Absent, or with a driver that has it already: it is the host's.
   */
  readonly sandbox?: SandboxPlace;
  /**
   * The programs that decide about its connections, in force before its first packet. They must have been applied before; an unknown one is refused
   * with `not_found`. Absent: it has no policy, and only the driver's own isolation of tenants holds.
   */
  readonly policy?: EndpointPrograms;
  /**
   * Its limits, marks and guarantee, in force before its first packet. To change them on a running endpoint, attach it again: no packet is lost on the way.
   * Absent: none.
   */
  readonly qos?: EndpointQos;
}

/** Where a container's interface is to be. */
export interface SandboxPlace {
  /** Of the network namespace. */
  readonly path: string;
  /** In it, e.g. `"eth0"`. */
  readonly interfaceName: string;
}

export interface AddressQuestion {
  /** Network id, e.g. `"n7"`. */
  readonly network: string;
  readonly addresses: readonly IpAddress[];
  /** Of the endpoint that is to have them: when that answers, it is no other. */
  readonly mac: MacAddress;
  /** How often they are asked for. */
  readonly probes: number;
  /** How long it takes when nobody answers. */
  readonly milliseconds: number;
}

/** Somebody outside who has an address. */
export interface AddressConflict {
  readonly address: IpAddress;
  readonly mac: MacAddress;
}

export interface AttachedPort {
  /** The end that stays in the switch. */
  readonly hostInterface: string;
  /** Its MAC, where that is known without asking the kernel. */
  readonly hostMac?: MacAddress;
  /** The end that goes into the sandbox, for now in the host's namespace unless it was made in its {@link EndpointWiring.sandbox}. */
  readonly containerInterface: string;
  /** That it was made in its sandbox, under its name there. Absent: it may be in either place. */
  readonly inSandbox?: true;
  /** Bytes. */
  readonly mtu: number;
}

/** `up`: the interface has a carrier, so the sandbox has brought its end up; `gone`: the kernel has removed it, with its sandbox. */
export interface PortEvent {
  readonly endpoint: string;
  readonly state: "up" | "down" | "gone";
  /** The kernel's number of the end that stays in the switch (RFC 2863), which sFlow tells of packets. Absent: it is gone. */
  readonly ifIndex?: number;
}

/** `gone`: the endpoint is attached, and the kernel does not have its interface any more. */
export interface WiredInterface {
  readonly endpoint: string;
  /** Name of the end that stays in the switch. */
  readonly interface: string;
  readonly state: "up" | "down" | "gone";
}

export interface RowStatus {
  /** Table and key, e.g. `"flows table=20,…"`. */
  readonly row: string;
  readonly state: "pending" | "error";
  /** Times tried; 0 while pending. */
  readonly attempts: number;
  readonly error?: string;
}
