import { type Clock, errorText, isHoldfastError, type Logger } from "@holdfast/core";
import { type Flow, flowKey, formatFlow, formatMeter, type OpenFlowSwitch } from "@holdfast/openflow";
import type { EndpointPrograms, PolicyChange } from "@holdfast/policy";
import type { PolicyDatapath, RowStatus, RuleCounter } from "../../../driver.ts";
import { type FlowRow, flowRows } from "../flow-row.ts";
import { COUNTER_COOKIES, cookieOf, POLICY_COOKIES } from "../pipeline/layout.ts";
import { concernedZones, deniedConnections } from "./denied-connections.ts";
import { policyBase, zoneOf } from "./endpoint-flows.ts";
import { isLogMeter, logMeter, Register } from "./layout.ts";
import { type PolicedPort, PolicyPlan } from "./policy-plan.ts";
import { createRuleLog, type RuleLogDependencies } from "./rule-log.ts";
import type { ConnectionTracking } from "./tracked-connections.ts";

export interface PolicyDependencies {
  readonly connection: OpenFlowSwitch;
  readonly tracking: ConnectionTracking;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Where packets of rules with `log` are told of. Absent: nowhere. */
  readonly log?: Pick<RuleLogDependencies, "write" | "linkName"> | undefined;
  /** Ends with the driver. */
  readonly signal: AbortSignal;
}

/** Milliseconds after a switch has come back without its connections, in which those that go on are decided as if they began. */
const PICK_UP = 60_000;

/** Flows that every switch has; to add one again changes nothing. */
const TOUCHED = flowRows(policyBase().slice(0, 1), cookieOf("policy"));

const NO_CHANGE: PolicyChange = { sets: [], setEdits: [], setsGone: [], programs: [], programsGone: [], endpoints: [] };

/** Enforces programs with the flows of the integration bridge. One change is one bundle; changes go one after the other. */
export class PolicySide implements Omit<PolicyDatapath, "guardCounters"> {
  readonly #dependencies: PolicyDependencies;
  readonly #plan: PolicyPlan;
  #turn: Promise<unknown> = Promise.resolve();
  /** Whether it is known what the switch has. */
  #observed = false;
  /** Ports that had a policy in an earlier run. */
  readonly #inherited = new Set<number>();
  #complete = false;
  /** Packets may still be treated as flows said before the last change. */
  #unsettled = false;
  #failure: RowStatus | undefined;
  /** That the switch is known to have. */
  readonly #logMeters = new Set<number>();

  constructor(dependencies: PolicyDependencies) {
    this.#dependencies = dependencies;
    const { connection, logger, log } = dependencies;
    this.#plan = new PolicyPlan({ logs: log !== undefined });
    if (log === undefined) return;
    const hear = createRuleLog({ ...log, logger, named: (number) => this.#plan.named(number) });
    connection.listen((packet) => {
      if (packet.cookie === cookieOf("policy")) hear(packet);
    });
  }

  /** Takes over what the switch has, and makes what every endpoint's policy needs. */
  async start(signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      const rows = await this.#look();
      this.#plan.inherit(rows);
      this.#observed = true;
      for (const { flow } of rows) this.#inherited.add(Number(flow.cookie & 0xff_ffffn));
      await this.#push(signal);
    });
  }

  async applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void> {
    await this.#inTurn(async () => {
      signal.throwIfAborted();
      const inverse = this.#plan.inverse(change);
      this.#plan.apply(change);
      try {
        await this.#push(signal);
      } catch (error) {
        this.#plan.apply(inverse);
        throw error;
      }
      const isUsed = concernedZones(this.#plan, change).size + this.#inherited.size > 0;
      if (isUsed && this.#unsettled) await this.settle(signal);
      await this.#cut(change, signal);
    });
  }

  async ruleCounters(signal: AbortSignal): Promise<readonly RuleCounter[]> {
    signal.throwIfAborted();
    const { connection } = this.#dependencies;
    const flows = await connection.dump(COUNTER_COOKIES);
    return flows.flatMap(({ flow, packets, bytes }) => {
      const [high, low] = Register.rule.map((name) => flow.match.registers?.[name]);
      if (typeof high !== "number" || typeof low !== "number") return [];
      const named = this.#plan.named((BigInt(high) << 32n) | BigInt(low));
      return named.map((each) => ({ ...each, packets: Number(packets), bytes: Number(bytes) }));
    });
  }

  /** @throws HoldfastError `not_found`: the endpoint's program is not here. */
  check(endpoint: string, programs: EndpointPrograms): void {
    this.#plan.check(endpoint, programs);
  }

  /**
   * What the endpoint at the port sends and gets is decided from now on. `used`: it may have had connections before. Those that the switch follows and its
   * policy denies are cut; where the switch follows none, because nothing was decided here, they may be picked up in their middle.
   *
   * Gives whether that is so: who leads the endpoint's packets here then has to {@link settle}.
   */
  async bind(endpoint: string, port: PolicedPort, used: boolean, signal: AbortSignal): Promise<boolean> {
    return await this.#inTurn(async () => {
      const before = this.#plan.ports().get(endpoint);
      const pickUp = before?.pickUp ?? (used && before === undefined && !this.#inherited.has(port.port));
      this.#plan.bind(endpoint, { ...port, pickUp });
      const isFirst = pickUp && before === undefined;
      if (isFirst) this.#endPickUpLater();
      await this.#push(signal);
      if (!used || port.programs === undefined || isSame(before?.programs, port.programs)) return false;
      if (this.#unsettled) await this.settle(signal);
      await this.#cut({ ...NO_CHANGE, endpoints: [{ endpoint, ...port.programs }] }, signal);
      return isFirst;
    });
  }

  /** Resolves when no packet is treated any more as flows said before this call. */
  async settle(signal: AbortSignal): Promise<void> {
    const { connection, tracking } = this.#dependencies;
    // As it is there already.
    const touch = () => connection.apply({ add: TOUCHED.map(({ flow }) => flow), remove: [] }, signal);
    this.#unsettled = false;
    try {
      await tracking.settled(touch, signal);
    } catch (error) {
      this.#unsettled = true;
      throw error;
    }
  }

  /** The endpoint's packets are not led here any more; those that the switch still treats as before find their flows until it does not. */
  async release(endpoint: string, signal: AbortSignal): Promise<void> {
    if (!this.#plan.ports().has(endpoint)) return;
    await this.settle(signal);
    await this.unbind(endpoint, signal);
  }

  /** The endpoint is not at a port any more; nor are its connections. */
  async unbind(endpoint: string, signal: AbortSignal): Promise<void> {
    const port = this.#plan.ports().get(endpoint);
    if (port === undefined) return;
    // At once: the port may be another endpoint's soon.
    this.#plan.unbind(endpoint);
    this.#inherited.delete(port.port);
    await this.#inTurn(async () => {
      await this.#push(signal);
      await this.#dependencies.connection.forgetConnections([{ zone: zoneOf(port.port) }]);
    });
  }

  /** An endpoint of an earlier run is not at the port any more. */
  async forget(port: number): Promise<void> {
    await this.#dependencies.connection.forgetConnections([{ zone: zoneOf(port) }]);
  }

  /** Everything is told: what the switch has beyond it goes. */
  async complete(signal: AbortSignal): Promise<void> {
    this.#complete = true;
    await this.#inTurn(() => this.#push(signal));
    this.#inherited.clear();
  }

  /** The switch may have lost its flows, and its connections with them. */
  reconnected(): void {
    this.#observed = false;
    const again = this.#inTurn(async () => {
      const flows = await this.#observe();
      if (flows.every(({ key }) => TOUCHED.some((each) => each.key === key))) this.#pickUp();
      await this.#push(this.#dependencies.signal);
    });
    again.catch((error: unknown) => {
      if (isHoldfastError(error, "unavailable")) return;
      this.#dependencies.logger.warn("policies are not in the switch", { error: errorText(error) });
    });
  }

  status(): readonly RowStatus[] {
    return this.#failure === undefined ? [] : [this.#failure];
  }

  #pickUp(): void {
    for (const [endpoint, port] of this.#plan.ports()) this.#plan.bind(endpoint, { ...port, pickUp: true });
    if (this.#plan.ports().size > 0) this.#endPickUpLater();
  }

  #endPickUpLater(): void {
    const { clock, signal } = this.#dependencies;
    const end = async (): Promise<void> => {
      await clock.wait(PICK_UP, signal);
      await this.#inTurn(async () => {
        this.#plan.endPickUp();
        await this.#push(signal);
      });
    };
    end().catch(() => undefined);
  }

  async #dump(): Promise<readonly FlowRow[]> {
    const flows = await this.#dependencies.connection.dump(POLICY_COOKIES);
    return flows.map(({ flow }) => ({ key: flowKey(flow), text: formatFlow(flow), flow }));
  }

  async #observe(): Promise<readonly FlowRow[]> {
    const rows = await this.#look();
    this.#plan.flows.observe(rows);
    this.#observed = true;
    return rows;
  }

  /** What the switch has. A script that gives it its flows again over a restart leaves meters out, and those flows would tell of every packet. */
  async #look(): Promise<readonly FlowRow[]> {
    const rows = await this.#dump();
    this.#logMeters.clear();
    if (this.#dependencies.log === undefined) return rows;
    for (const meter of await this.#dependencies.connection.meters()) {
      if (isLogMeter(meter) && formatMeter(meter) === formatMeter(logMeter(meter.id))) this.#logMeters.add(meter.id);
    }
    await this.#limitLogs(rows.map(({ flow }) => flow));
    return rows;
  }

  async #push(signal: AbortSignal): Promise<void> {
    const { connection } = this.#dependencies;
    try {
      if (!this.#observed) await this.#observe();
      const difference = this.#plan.flows.difference(this.#complete);
      const [add, remove] = [difference.add, difference.remove].map((rows) => rows.map(({ flow }) => flow));
      if (difference.add.length + difference.remove.length > 0) {
        this.#unsettled = true;
        await this.#limitLogs(add ?? []);
        await connection.apply({ add: add ?? [], remove: remove ?? [] }, signal);
      }
      this.#plan.flows.done(difference);
      this.#failure = undefined;
    } catch (error) {
      // Whether it was done is not known when the connection broke on the way.
      if (isHoldfastError(error, "unavailable") || signal.aborted) this.#observed = false;
      const attempts = (this.#failure?.attempts ?? 0) + 1;
      this.#failure = { row: "policies", state: "error", attempts, error: errorText(error) };
      throw error;
    }
  }

  /** Before the flows that name them: without its meter a flow would tell of every packet. */
  async #limitLogs(flows: readonly Flow[]): Promise<void> {
    for (const action of flows.flatMap(({ actions }) => actions)) {
      if (action.kind !== "tell" || this.#logMeters.has(action.meter)) continue;
      await this.#dependencies.connection.setMeter(logMeter(action.meter));
      this.#logMeters.add(action.meter);
    }
  }

  /** What was allowed before and is denied now ends. */
  async #cut(change: PolicyChange, signal: AbortSignal): Promise<void> {
    const zones = concernedZones(this.#plan, change);
    if (zones.size === 0) return;
    const { connection, tracking } = this.#dependencies;
    const [zone] = zones.size === 1 ? zones.keys() : [];
    const denied = deniedConnections(this.#plan, zones, await tracking.list(zone, signal));
    if (denied.length > 0) await connection.forgetConnections(denied);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => undefined);
    return done;
  }
}

function isSame(a: EndpointPrograms | undefined, b: EndpointPrograms): boolean {
  return a?.program === b.program && a.staged === b.staged;
}
