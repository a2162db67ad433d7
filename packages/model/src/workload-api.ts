import type { Identity, IpAddress, MacAddress, Name } from "@holdfast/core";
import type { Retention } from "./claim.ts";
import type { Labels } from "./fields.ts";
import type { WiredNetwork } from "./node-feed.ts";
import type { Phase } from "./phase.ts";
import type { EndpointQos } from "./qos-profile.ts";
import type { Range } from "./subnet.ts";

/**
 * What a runtime's plugin (Docker, CNI) asks of the agent on the same machine.
 *
 * Everything may come twice, late, or from a caller that has died: doing what is done is success.
 */
export interface WorkloadApi {
  /** @throws HoldfastError `not_found`, also when the agent has never heard of it because no controller was reached yet. */
  network(tenant: Name, network: Name): Promise<WiredNetwork>;
  /** Every network this node knows, and each change, beginning with what there is; ends with the signal. */
  watchNetworks(signal: AbortSignal): AsyncIterable<readonly WiredNetwork[]>;

  /**
   * Sets addresses aside for an attachment to come (phase `reserved`).
   *
   * An address that is reserved here and not attached yet is given again to whoever asks for it. Without address and identity, an
   * unattached reservation of the same `requester` is given again, so that a repeated request takes nothing more.
   */
  reserve(request: ReserveRequest, signal: AbortSignal): Promise<ReservedAddresses>;
  /** Gives an address back. Nothing happens while its endpoint is in a sandbox: then somebody else's request failed. */
  unreserve(request: { tenant: Name; network: Name; address: IpAddress }, signal: AbortSignal): Promise<void>;

  /**
   * Wires an attachment: an interface that the runtime moves into its sandbox. Again with the same key: the same answer.
   *
   * @throws HoldfastError `conflict` for one that has been detached, unless the request says `rejoin`; what {@link reserve} throws, when the
   * addresses are not reserved yet.
   */
  attach(request: AttachRequest, signal: AbortSignal): Promise<AttachedInterface>;
  /** The runtime has put the interface into this sandbox, or is about to. */
  joined(request: { runtimeEndpoint: string; sandbox: string }, signal: AbortSignal): Promise<void>;
  /** Resolves when forwarding has stopped. The addresses stay with this node until they are given back, or another one asks for their claim. */
  detach(request: { runtimeEndpoint: string }, signal: AbortSignal): Promise<void>;
  /** Undefined when there is none. */
  inspect(runtimeEndpoint: string): AttachmentInfo | undefined;
  /** All attachments of a runtime on this node. */
  attachments(runtime: "docker" | "cni"): readonly AttachmentInfo[];
  /**
   * An observer of the runtime vouches that these attachments are gone from it, seen twice, and that no living sandbox has them. Takes them
   * down and releases them; those that are released already are passed over.
   */
  reclaim(endpoints: readonly string[], reason: string, signal: AbortSignal): Promise<void>;
  /**
   * The name of an attachment's container, e.g. `"redis"`, learnt after it was attached, and again when it changes. For records only: may be
   * left out, and nothing may depend on it.
   */
  containerNamed?(request: { runtimeEndpoint: string; container: string }): void;
  /**
   * What a runtime has, each time it was looked at, by its own ids of attachments; `undefined`: it is not reached. For comparisons only: nothing is
   * taken down for it. May be left out.
   */
  sighted?(runtime: "docker" | "cni", listed: ReadonlySet<string> | undefined): void;
}

export interface ReserveRequest {
  readonly tenant: Name;
  readonly network: Name;
  readonly runtime: "docker" | "cni";
  /** Who asks, e.g. Docker's pool id: the scope in which a repeated request is recognised. */
  readonly requester: string;
  readonly address?: IpAddress;
  /** With `address`: when a claim is made, it has these as well. A claim that is there may have others: who asks looks at the answer. */
  readonly also?: readonly IpAddress[];
  readonly identity?: Identity;
  /** Use the identity's claim when there is one, else an ephemeral address; and the owner's claim of the address that is asked for. */
  readonly identityIsHint?: boolean;
  /** When the identity has no claim, it gets one with this retention. Absent: then there must be one, or it is a hint. */
  readonly retention?: Retention;
  /** Where an address is chosen from. What has an address already must have one in it. */
  readonly range?: Range;
  /** The QoS profile of a claim that names none itself. */
  readonly qos?: Name;
  /** What the runtime says of the workload, by which groups and policies choose it. A controller has to be asked then. Absent: nothing. */
  readonly labels?: Labels;
  readonly container?: string;
  /**
   * Who asks attaches it at once and says nothing of it to anybody before: {@link WorkloadApi.attach} waits for the disk, so this does not. Absent: what
   * is answered is on disk.
   */
  readonly attachFollows?: true;
}

export interface ReservedAddresses {
  /** The agent's id of the endpoint. */
  readonly endpoint: string;
  readonly identity: Identity;
  /** Of the claim, IPv4 first. A runtime that has one address of a family only takes the first. */
  readonly addresses: readonly IpAddress[];
  readonly mac: MacAddress;
  readonly network: WiredNetwork;
}

export interface AttachRequest {
  readonly runtime: "docker" | "cni";
  /** The runtime's id of the attachment, e.g. Docker's EndpointID. */
  readonly runtimeEndpoint: string;
  readonly tenant: Name;
  readonly network: Name;
  /** Addresses that were reserved before. */
  readonly addresses: readonly IpAddress[];
  /** Labels that they were reserved with. */
  readonly labels?: Labels;
  /** When given, the reserved claim must be of this identity. */
  readonly identity?: Identity;
  /** When given, it must be the claim's. */
  readonly mac?: MacAddress;
  /** The attachment has left a sandbox and goes into one again: when it was detached, its addresses are reserved once more. */
  readonly rejoin?: boolean;
  readonly ports?: readonly PublishedPort[];
  readonly container?: string;
  /**
   * Path of the network namespace it is for, where that is there already: the interface may be made in it, and it is known where to look for it
   * from the beginning. Absent: `joined` tells it later.
   */
  readonly sandbox?: string;
  /** What the interface is to be called in the sandbox, where that is there already. */
  readonly ifName?: string;
  /** Limits that the runtime asks for. They count beside those of its profile: of each the narrower one. */
  readonly qos?: EndpointQos;
}

/** A port of the machine that leads to a port of the container. */
export interface PublishedPort {
  readonly protocol: "tcp" | "udp" | "sctp";
  /** Absent: every address of the machine. */
  readonly hostAddress?: IpAddress;
  readonly hostPort: number;
  readonly containerPort: number;
}

export interface AttachedInterface {
  readonly endpoint: string;
  /** Name of the interface in the host's namespace that the runtime moves into its sandbox. */
  readonly interfaceName: string;
  /** It is in the sandbox, under the name it is to have there. Absent: it may still be in the host's namespace. */
  readonly inSandbox?: true;
  /** Name of its other end, which stays the host's. */
  readonly hostInterface: string;
  /** MAC of that, where it is known without asking the kernel. */
  readonly hostMac?: MacAddress;
  readonly mac: MacAddress;
  readonly mtu: number;
  readonly gateways: readonly IpAddress[];
}

export interface AttachmentInfo {
  readonly endpoint: string;
  readonly runtimeEndpoint?: string;
  /** Path of the network namespace it is in, or is about to be in. */
  readonly sandbox?: string;
  readonly tenant: Name;
  readonly network: Name;
  readonly identity: Identity;
  readonly addresses: readonly IpAddress[];
  readonly mac: MacAddress;
  readonly phase: Phase;
  /** When the phase was entered, epoch milliseconds. */
  readonly since: number;
}
