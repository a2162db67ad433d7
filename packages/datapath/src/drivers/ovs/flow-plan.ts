import type { IpAddress } from "@holdfast/core";
import type { Flow } from "@holdfast/openflow";
import type { PublishedPorts } from "../../machine/machine-side.ts";
import { Contributions, type RowSink } from "../../reconcile/contributions.ts";
import type { RowRef } from "../../reconcile/operations.ts";
import { type FlowRow, flowRows } from "./flow-row.ts";
import { classifyBase, classifyEndpoint, classifyGateway, classifyNetwork } from "./pipeline/classify.ts";
import { destinationBase, destinationLocal, destinationNetwork, destinationRemote } from "./pipeline/destination.ts";
import { type FloodPort, floodLocal, floodRemote, type Inheritance, readFloods } from "./pipeline/flood.ts";
import { cookieOf } from "./pipeline/layout.ts";
import {
  answers,
  neighbourResponderBase,
  neighbourResponderNetwork,
  ownQuestions,
} from "./pipeline/neighbour-responder.ts";
import type { NetworkParty, PortParty, RemoteParty } from "./pipeline/parties.ts";
import {
  neighbourGuardBase,
  neighbourGuardEndpoint,
  sourceGuardBase,
  sourceGuardEndpoint,
} from "./pipeline/source-guard.ts";

/** Something in a network. Of two that claim the same MAC or address, the one with the higher epoch counts, then the local one. */
interface Member {
  readonly id: string;
  /** Number of its network. */
  readonly network: number;
  readonly epoch: number;
}

export interface LocalMember extends Member, PortParty {
  /** The row of its port, which must be there first. */
  readonly row: RowRef;
}

/** Published ports of an endpoint that is a port of the switch. */
export interface MemberPorts extends PublishedPorts {
  readonly member: LocalMember;
}

export interface RemoteMember extends Member, RemoteParty {}

export interface GatewayMember extends PortParty {
  readonly network: number;
  readonly row: RowRef;
}

interface NetworkMembers {
  party?: NetworkParty;
  readonly locals: Map<string, LocalMember>;
  readonly remotes: Map<string, RemoteMember>;
  gateway?: GatewayMember;
  /** How many remotes each node has. */
  readonly nodes: Map<IpAddress, number>;
  /** What frames for many went to before this process started; counts until the desired state is complete. */
  inherited: Inheritance;
}

const NOTHING_INHERITED: Inheritance = { ports: new Map(), nodes: new Set() };

/**
 * The flows of the integration bridge, from who is in which network. A change to one endpoint changes its own flows and the flood flow
 * of its network, whatever else there is.
 *
 * Every change gives the keys of the rows it may have touched, to wait for.
 */
export class FlowPlan {
  readonly #rows: Contributions<FlowRow>;
  readonly #networks = new Map<number, NetworkMembers>();
  readonly #locals = new Map<string, LocalMember>();
  readonly #remotes = new Map<string, RemoteMember>();
  readonly #spreading = new Set<NetworkMembers>();

  constructor(sink: RowSink<FlowRow>) {
    this.#rows = new Contributions(sink);
    const base = [classifyBase, sourceGuardBase, neighbourGuardBase, neighbourResponderBase, destinationBase].flat();
    this.#rows.replace("base", flowRows(base, cookieOf("base")));
  }

  /**
   * Takes over from flows that are in the switch where frames for many go. Endpoints are told one after the other; without this, each
   * would at first cut off those not yet told.
   */
  inherit(flows: readonly Flow[]): void {
    for (const [number, inherited] of readFloods(flows)) this.#members(number).inherited = inherited;
  }

  /** The desired state is complete: what was inherited and is not part of it no longer counts. */
  complete(): void {
    for (const [number, members] of this.#networks) {
      members.inherited = NOTHING_INHERITED;
      this.#flood(members);
      this.#spread(members);
      this.#forget(number);
    }
  }

  /** An inherited port is gone. */
  disinherit(port: number): ReadonlySet<string> {
    let touched: ReadonlySet<string> = new Set();
    for (const members of this.#networks.values()) {
      if (!members.inherited.ports.has(port)) continue;
      const ports = new Map(members.inherited.ports);
      ports.delete(port);
      members.inherited = { ...members.inherited, ports };
      touched = touched.union(this.#flood(members));
    }
    return touched;
  }

  setNetwork(party: NetworkParty): void {
    const members = this.#members(party.number);
    members.party = party;
    const rules = [classifyNetwork, neighbourResponderNetwork, destinationNetwork].flatMap((build) => build(party));
    this.#rows.replace(`network ${party.number}`, flowRows(rules, cookieOf("network", party.number)));
    this.#flood(members);
    this.#spread(members);
    for (const local of members.locals.values()) this.#place(members, local);
    for (const remote of members.remotes.values()) this.#placeRemote(members, remote);
    if (members.gateway !== undefined) this.#placeGateway(members, members.gateway);
  }

  /** What is in it has no flows either, until it is set again. */
  removeNetwork(number: number): void {
    const members = this.#members(number);
    delete members.party;
    this.#rows.remove(`network ${number}`);
    this.#rows.remove(`flood ${number}`);
    this.#rows.remove(`spread ${number}`);
    this.#rows.remove(`gateway ${number}`);
    for (const id of members.locals.keys()) this.#rows.remove(`local ${id}`);
    for (const id of members.remotes.keys()) this.#rows.remove(`remote ${id}`);
    this.#forget(number);
  }

  setLocal(local: LocalMember): ReadonlySet<string> {
    const before = this.#locals.get(local.id);
    const left =
      before !== undefined && before.network !== local.network ? this.removeLocal(local.id) : new Set<string>();
    this.#locals.set(local.id, local);
    const members = this.#members(local.network);
    members.locals.set(local.id, local);
    return left.union(this.#place(members, local)).union(this.#flood(members));
  }

  removeLocal(id: string): ReadonlySet<string> {
    const local = this.#locals.get(id);
    if (local === undefined) return new Set();
    this.#locals.delete(id);
    const members = this.#members(local.network);
    members.locals.delete(id);
    const touched = this.#rows.remove(`local ${id}`).union(this.#flood(members));
    this.#forget(local.network);
    return touched;
  }

  setRemote(remote: RemoteMember): void {
    const before = this.#remotes.get(remote.id);
    this.removeRemote(remote.id, remote);
    this.#remotes.set(remote.id, remote);
    const members = this.#members(remote.network);
    members.remotes.set(remote.id, remote);
    const newNode = this.#countNode(members, remote.tunnelAddress, 1) || before?.tunnelAddress !== remote.tunnelAddress;
    this.#placeRemote(members, remote);
    if (newNode) this.#spread(members);
  }

  removeRemote(id: string, inFavourOf?: RemoteMember): void {
    const remote = this.#remotes.get(id);
    if (remote === undefined) return;
    const members = this.#members(remote.network);
    this.#remotes.delete(id);
    members.remotes.delete(id);
    const lastOfNode = this.#countNode(members, remote.tunnelAddress, -1);
    if (inFavourOf?.network === remote.network) return;
    this.#rows.remove(`remote ${id}`);
    if (lastOfNode) this.#spread(members);
    this.#forget(remote.network);
  }

  setGateway(gateway: GatewayMember): void {
    const members = this.#members(gateway.network);
    members.gateway = gateway;
    this.#placeGateway(members, gateway);
    this.#flood(members);
  }

  removeGateway(network: number): void {
    const members = this.#members(network);
    delete members.gateway;
    this.#rows.remove(`gateway ${network}`);
    this.#flood(members);
    this.#forget(network);
  }

  #place({ party }: NetworkMembers, local: LocalMember): ReadonlySet<string> {
    if (party === undefined) return new Set();
    const rules = [
      ...classifyEndpoint(party, local),
      ...sourceGuardEndpoint(local),
      ...neighbourGuardEndpoint(local),
      ...ownQuestions(local),
      ...answers(party, local),
      destinationLocal(party, local),
    ];
    const rows = flowRows(rules, cookieOf("endpoint", local.port), local.row);
    return this.#rows.replace(`local ${local.id}`, rows, 2 * local.epoch + 1);
  }

  #placeRemote({ party }: NetworkMembers, remote: RemoteMember): void {
    if (party?.reach.kind !== "vxlan") {
      this.#rows.remove(`remote ${remote.id}`);
      return;
    }
    const rules = [...answers(party, remote), ...destinationRemote(party, remote)];
    const cookie = cookieOf("remote", party.number);
    this.#rows.replace(`remote ${remote.id}`, flowRows(rules, cookie), 2 * remote.epoch);
  }

  #placeGateway({ party }: NetworkMembers, gateway: GatewayMember): void {
    if (party === undefined) return;
    const rules = [
      ...classifyGateway(party, gateway.port),
      ...answers(party, gateway),
      destinationLocal(party, gateway),
    ];
    const rows = flowRows(rules, cookieOf("gateway", party.number), gateway.row);
    this.#rows.replace(`gateway ${party.number}`, rows, Number.POSITIVE_INFINITY);
  }

  #flood(members: NetworkMembers): ReadonlySet<string> {
    const { party, locals, gateway } = members;
    if (party === undefined) return new Set();
    const ports = new Map<number, FloodPort>();
    for (const [port, policed] of members.inherited.ports) ports.set(port, { port, policed });
    for (const member of [...locals.values(), ...(gateway === undefined ? [] : [gateway])])
      ports.set(member.port, member);
    const rows = flowRows(floodLocal(party, [...ports.values()]), cookieOf("network", party.number));
    return this.#rows.replace(`flood ${party.number}`, rows);
  }

  /** Once for all changes of a turn: the flow grows with the nodes, and at the start they come one after the other. */
  #spread(members: NetworkMembers): void {
    if (this.#spreading.size === 0) {
      queueMicrotask(() => {
        const all = [...this.#spreading];
        this.#spreading.clear();
        for (const each of all) this.#spreadNow(each);
      });
    }
    this.#spreading.add(members);
  }

  #spreadNow({ party, nodes, inherited }: NetworkMembers): void {
    if (party === undefined) return;
    const rules = floodRemote(party, [...inherited.nodes.union(new Set(nodes.keys()))]);
    this.#rows.replace(`spread ${party.number}`, flowRows(rules, cookieOf("network", party.number)));
  }

  /** Whether the node has come or gone by that. */
  #countNode({ nodes }: NetworkMembers, node: IpAddress, change: 1 | -1): boolean {
    const before = nodes.get(node) ?? 0;
    const count = before + change;
    if (count === 0) nodes.delete(node);
    else nodes.set(node, count);
    return before === 0 || count === 0;
  }

  #members(network: number): NetworkMembers {
    const known = this.#networks.get(network);
    if (known !== undefined) return known;
    const members = { locals: new Map(), remotes: new Map(), nodes: new Map(), inherited: NOTHING_INHERITED };
    this.#networks.set(network, members);
    return members;
  }

  #forget(network: number): void {
    const members = this.#networks.get(network);
    if (members === undefined || members.party !== undefined || members.gateway !== undefined) return;
    if (members.locals.size + members.remotes.size === 0) this.#networks.delete(network);
  }
}
