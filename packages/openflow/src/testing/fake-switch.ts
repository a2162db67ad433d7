import { HoldfastError } from "@holdfast/core";
import { readInstructions, writeInstructions } from "../action-codec.ts";
import type { ConnectionTuple, WholeZone } from "../connections.ts";
import type { Action, Flow } from "../flow.ts";
import { flowKey, formatActions, formatFlow } from "../format.ts";
import { readMatch, writeMatch } from "../match-codec.ts";
import { addFlow, deleteFlow, meterMod, packetOut } from "../messages.ts";
import { formatMeter, type Meter } from "../meter.ts";
import { sortFlows } from "../sort-flows.ts";
import type { FlowChange, ObservedFlow, OpenFlowSwitch, PacketIn, SwitchPort } from "../switch.ts";
import { ByteReader, ByteWriter } from "../wire.ts";
import { refusal, refusedActions, refusedMatch, refusedTable } from "./rules.ts";

/** Operations that {@link FakeSwitch.failNext} can make fail. */
export type FailingOperation =
  | "apply"
  | "dump"
  | "meters"
  | "setMeter"
  | "removeMeter"
  | "ports"
  | "packetOut"
  | "forgetConnections";

/** A switch made of text: `String(fake)` is what `ovs-ofctl dump-flows --no-stats` would print. */
export class FakeSwitch implements OpenFlowSwitch {
  /** How many bundles were committed: one for each `apply` that changed something. */
  bundles = 0;
  /** Every change in its order, e.g. `"add table=1, priority=5 actions=drop"`, `"del table=1, priority=5"`. */
  readonly log: string[] = [];
  /** Every frame that was sent, with its actions as text. */
  readonly sent: { readonly frame: Uint8Array; readonly actions: string }[] = [];
  /** Every connection that was to be forgotten. */
  readonly forgotten: (ConnectionTuple | WholeZone)[] = [];
  readonly #ports: SwitchPort[];
  readonly #failures = new Map<FailingOperation, Error[]>();
  #flows = new Map<string, ObservedFlow>();
  readonly #meters = new Map<number, Meter>();
  #connected = true;
  #closed = false;
  readonly #listeners: ((packet: PacketIn) => void)[] = [];

  constructor(ports: readonly SwitchPort[] = []) {
    this.#ports = [...ports];
  }

  get connected(): boolean {
    return this.#connected && !this.#closed;
  }

  /** Makes the next call of an operation fail: with an OpenFlow error's name as `switch_rejected`, or with an error as it is. */
  failNext(operation: FailingOperation, error: string | Error): void {
    const queue = this.#failures.get(operation) ?? [];
    queue.push(typeof error === "string" ? rejected(error, "") : error);
    this.#failures.set(operation, queue);
  }

  /** The connection breaks: every call is `unavailable` until {@link reconnect}. */
  disconnect(): void {
    this.#connected = false;
  }

  /** The connection is back; `restarted`: the switch has lost its flows meanwhile. */
  reconnect(how: "same" | "restarted" = "same"): void {
    this.#connected = true;
    if (how !== "restarted") return;
    this.#flows = new Map();
    this.#meters.clear();
  }

  /** Gives the bridge a port, as ovs-vswitchd would. */
  addPort(port: SwitchPort): void {
    this.#ports.push(port);
  }

  removePort(number: number): void {
    const index = this.#ports.findIndex((port) => port.number === number);
    if (index >= 0) this.#ports.splice(index, 1);
  }

  async apply(change: FlowChange, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    // Widths are checked where the real client checks them: when it encodes.
    for (const flow of change.add) addFlow(flow);
    for (const key of change.remove) deleteFlow(key);
    if (change.add.length + change.remove.length === 0) return;
    await this.#enter("apply");
    const flows = new Map(this.#flows);
    const log: string[] = [];
    for (const key of change.remove) {
      const text = flowKey(key);
      const error = refusedTable(key.table) ?? refusedMatch(key.match);
      if (error !== undefined) throw rejected(error, text);
      if (flows.delete(text)) log.push(`del ${text}`);
    }
    for (const flow of change.add) {
      const error = refusal(flow) ?? refusedMeters(flow, this.#meters);
      if (error !== undefined) throw rejected(error, formatFlow(flow));
      flows.set(flowKey(flow), { flow: asDumped(flow), packets: 0n, bytes: 0n });
      log.push(`add ${formatFlow(flow)}`);
    }
    this.#flows = flows;
    this.log.push(...log);
    this.bundles += 1;
  }

  async dump(filter?: { readonly cookie: bigint; readonly mask: bigint }): Promise<readonly ObservedFlow[]> {
    await this.#enter("dump");
    const { cookie, mask } = filter ?? { cookie: 0n, mask: 0n };
    return this.#sorted().filter(({ flow }) => (flow.cookie & mask) === (cookie & mask));
  }

  async meters(): Promise<readonly Meter[]> {
    await this.#enter("meters");
    return [...this.#meters.values()].toSorted((a, b) => a.id - b.id);
  }

  async setMeter(meter: Meter): Promise<void> {
    meterMod(0, "add", meter);
    await this.#enter("setMeter");
    if (meter.id === 0) throw rejected("OFPMMFC_INVALID_METER", formatMeter(meter));
    this.#meters.set(meter.id, meter);
    this.log.push(`meter ${formatMeter(meter)}`);
  }

  async removeMeter(id: number): Promise<void> {
    await this.#enter("removeMeter");
    if (!this.#meters.delete(id)) return;
    this.log.push(`del meter=${id}`);
    for (const [key, { flow }] of this.#flows) if (metersOf(flow).includes(id)) this.#flows.delete(key);
  }

  async ports(): Promise<readonly SwitchPort[]> {
    await this.#enter("ports");
    return [...this.#ports];
  }

  async packetOut(packet: { frame: Uint8Array; actions: readonly Action[]; inPort?: number }): Promise<void> {
    packetOut(0, packet);
    await this.#enter("packetOut");
    const error = refusedActions({}, packet.actions);
    if (error !== undefined) throw rejected(error, formatActions(packet.actions));
    this.sent.push({ frame: packet.frame, actions: formatActions(packet.actions) });
  }

  async forgetConnections(connections: readonly (ConnectionTuple | WholeZone)[]): Promise<void> {
    await this.#enter("forgetConnections");
    this.forgotten.push(...connections);
  }

  listen(listener: (packet: PacketIn) => void): void {
    this.#listeners.push(listener);
  }

  /** A flow with this cookie sends a frame to the controller. */
  packetIn(packet: PacketIn): void {
    if (this.connected) for (const listener of this.#listeners) listener(packet);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  toString(): string {
    return this.#sorted()
      .map(({ flow }) => formatFlow(flow))
      .join("\n");
  }

  #sorted(): readonly ObservedFlow[] {
    return sortFlows([...this.#flows.values()]);
  }

  /** Nothing happens in the caller's own turn, as with a real switch. */
  async #enter(operation: FailingOperation): Promise<void> {
    await Promise.resolve();
    if (!this.connected) throw new HoldfastError("unavailable", "the OpenFlow connection has ended");
    const failure = this.#failures.get(operation)?.shift();
    if (failure !== undefined) throw failure;
  }
}

function metersOf({ actions }: Flow): readonly number[] {
  return actions.flatMap((action) => (action.kind === "meter" ? [action.id] : []));
}

function refusedMeters(flow: Flow, meters: ReadonlyMap<number, Meter>): string | undefined {
  return metersOf(flow).every((id) => meters.has(id)) ? undefined : "OFPMMFC_INVALID_METER";
}

/** The flow as a dump would give it back. */
function asDumped(flow: Flow): Flow {
  const match = new ByteWriter();
  writeMatch(match, flow.match);
  const actions = new ByteWriter();
  writeInstructions(actions, flow.actions);
  return {
    table: flow.table,
    priority: flow.priority,
    cookie: flow.cookie,
    match: readMatch(new ByteReader(match.finish())),
    actions: readInstructions(new ByteReader(actions.finish())),
  };
}

function rejected(error: string, flow: string): HoldfastError {
  return new HoldfastError("switch_rejected", `the switch refused a flow: ${error}: ${flow}`, {
    details: { error, flow },
  });
}
