import { Cidr, type Family, HoldfastError, type IpAddress } from "@holdfast/core";
import type { EndpointPrograms, PolicyChange, Program, ProgramId, SetId } from "@holdfast/policy";
import { type FlowRow, flowRows } from "../flow-row.ts";
import { cookieOf, TableId } from "../pipeline/layout.ts";
import { AddressClasses } from "./address-classes.ts";
import { endpointFlows, onlyBeginnings, policyBase, type Treatment } from "./endpoint-flows.ts";
import { FlowStore } from "./flow-store.ts";
import { keysByPath, knownPriorities } from "./known-priorities.ts";
import { ProgramFlows } from "./program-flows.ts";

/** An endpoint that is a port of the switch, and has a policy or a number of connections. */
export interface PolicedPort extends Treatment {
  readonly port: number;
  readonly addresses: readonly IpAddress[];
}

/** From programs, sets and endpoints to flows; what one change is in flows costs what changes, not what there is. */
export class PolicyPlan {
  readonly flows = new FlowStore();
  readonly #classes = new AddressClasses(this.flows);
  readonly #programs: ProgramFlows;
  #members: string[] = [];
  readonly #ports = new Map<string, PolicedPort & { readonly keys: readonly string[] }>();

  constructor(options: { readonly logs: boolean } = { logs: false }) {
    this.#programs = new ProgramFlows(this.flows, this.#classes, options);
    for (const row of flowRows([...policyBase(), ...onlyBeginnings()], cookieOf("policy"))) this.flows.put(row);
  }

  /** The switch has these of an earlier run. */
  inherit(rows: readonly FlowRow[]): void {
    this.flows.observe(rows);
    this.#programs.inherit(knownPriorities(rows.map(({ flow }) => flow)), keysByPath(rows));
    // The first change has all sets.
    this.#members = rows.flatMap(({ key, flow }) => (MEMBER_TABLES.has(flow.table) ? [key] : []));
  }

  program(id: ProgramId): Program | undefined {
    return this.#programs.get(id);
  }

  ports(): ReadonlyMap<string, PolicedPort> {
    return this.#ports;
  }

  contains(set: SetId, address: IpAddress): boolean {
    return this.#classes.contains(set, Cidr.host(address));
  }

  /** Which rules a number in the counters' table stands for. */
  named(number: bigint): ReturnType<ProgramFlows["named"]> {
    return this.#programs.named(number);
  }

  /** @throws HoldfastError `not_found` when the change refers to what is neither here nor in it; then nothing has changed. */
  apply(change: PolicyChange): void {
    this.#check(change);
    this.flows.touch(this.#members.splice(0));
    for (const set of change.sets) this.#classes.replace(set);
    for (const edit of change.setEdits) this.#classes.edit(edit);
    this.#programs.follow(this.#classes.settle());
    for (const program of change.programs) this.#programs.set(program);
    for (const { endpoint, program, staged } of change.endpoints) {
      const port = this.#ports.get(endpoint);
      // Without a policy until now it gets its first one from who attaches it.
      if (port?.programs !== undefined) this.bind(endpoint, { ...port, programs: programsOf(program, staged) });
    }
    for (const id of change.programsGone) this.#programs.remove(id);
    for (const id of change.setsGone) this.#classes.remove(id);
    // Programs say which sets are the platform's.
    this.#programs.follow(this.#classes.settle());
  }

  /** What takes a change back. */
  inverse(change: PolicyChange): PolicyChange {
    const whole = new Set([...change.sets.map(({ id }) => id), ...change.setsGone]);
    const sets = [...whole].flatMap((id) => {
      const members = this.#classes.members(id);
      return members === undefined ? [] : [{ id, family: familyOf(id), members }];
    });
    const edits = change.setEdits.filter(({ id }) => !whole.has(id));
    const programs = [...change.programs.map(({ id }) => id), ...change.programsGone];
    return {
      sets,
      setEdits: edits.toReversed().map((edit) => this.#classes.inverse(edit)),
      setsGone: [...whole].filter((id) => !this.#classes.has(id)),
      programs: [...new Set(programs)].flatMap((id) => this.program(id) ?? []),
      programsGone: programs.filter((id) => this.program(id) === undefined),
      endpoints: change.endpoints.flatMap(({ endpoint }) => {
        const port = this.#ports.get(endpoint);
        return port?.programs === undefined ? [] : [{ endpoint, ...port.programs }];
      }),
    };
  }

  /** @throws HoldfastError `not_found`: a program is not here. */
  check(endpoint: string, { program, staged }: EndpointPrograms): void {
    this.#checkProgram(endpoint, program);
    if (staged !== undefined) this.#checkProgram(endpoint, staged);
  }

  /** The endpoint is at a port. @throws HoldfastError `not_found`: a program of it is not here. */
  bind(endpoint: string, bound: PolicedPort): void {
    const { port, programs } = bound;
    if (programs !== undefined) this.#use(endpoint, programs, bound.pickUp);
    const rows = flowRows(endpointFlows(port, bound), cookieOf("policy", port));
    const keys = new Set(rows.map(({ key }) => key));
    for (const key of this.#ports.get(endpoint)?.keys ?? []) if (!keys.has(key)) this.flows.delete(key);
    for (const each of rows) this.flows.put(each);
    this.#ports.set(endpoint, { ...bound, keys: [...keys] });
  }

  #use(endpoint: string, programs: EndpointPrograms, pickUp = false): void {
    this.check(endpoint, programs);
    if (programs.staged !== undefined) this.#programs.use(programs.staged, "staged");
    if (pickUp) this.#programs.use(programs.program, "reversed");
  }

  /** From now on no connection is picked up in its middle. */
  endPickUp(): void {
    for (const [endpoint, { pickUp, ...port }] of this.#ports) if (pickUp === true) this.bind(endpoint, port);
    this.#programs.endUse("reversed");
  }

  unbind(endpoint: string): void {
    for (const key of this.#ports.get(endpoint)?.keys ?? []) this.flows.delete(key);
    this.#ports.delete(endpoint);
  }

  #check({ sets, setEdits, programs, endpoints }: PolicyChange): void {
    const coming = new Set(sets.map(({ id }) => id));
    for (const { id } of setEdits) this.#checkSet(id, coming, "an edit of it");
    for (const program of programs) {
      for (const id of setsOf(program)) this.#checkSet(id, coming, `program ${program.id}`);
    }
    const made = new Set(programs.map(({ id }) => id));
    for (const { endpoint, program, staged } of endpoints) {
      for (const id of [program, staged]) {
        if (id !== undefined && !made.has(id)) this.#checkProgram(endpoint, id);
      }
    }
  }

  #checkSet(id: SetId, coming: ReadonlySet<SetId>, by: string): void {
    if (coming.has(id) || this.#classes.has(id)) return;
    throw new HoldfastError(
      "not_found",
      `address set ${id} is not here, and ${by} needs it; apply the set before, or with it`,
    );
  }

  #checkProgram(endpoint: string, id: ProgramId): void {
    if (this.#programs.get(id) !== undefined) return;
    const text = `endpoint ${endpoint} has the policy ${id}, which is not here; apply its program before`;
    throw new HoldfastError("not_found", text);
  }
}

const MEMBER_TABLES: ReadonlySet<number> = new Set([TableId.policyHosts, TableId.policyPrefixes]);

function familyOf(id: SetId): Family {
  return id.endsWith("v6") ? "v6" : "v4";
}

function programsOf(program: ProgramId, staged: ProgramId | undefined): EndpointPrograms {
  return staged === undefined ? { program } : { program, staged };
}

const SETS = new WeakMap<Program, ReadonlySet<SetId>>();

/** All that a program refers to. */
export function setsOf(program: Program): ReadonlySet<SetId> {
  const known = SETS.get(program);
  if (known !== undefined) return known;
  const paths = [program.v4, program.v6].flatMap(({ ingress, egress }) => [ingress, egress]);
  const rules = paths
    .flatMap(({ main, foreign }) => [...main, ...foreign])
    .flatMap(({ stages }) => stages)
    .flatMap((stage) => stage.rules);
  const realms = paths.flatMap((path) => [path.realms.own, path.realms.platform]);
  const sets = new Set([...realms, ...rules.flatMap(({ remote }) => (remote === "any" ? [] : remote.sets))]);
  SETS.set(program, sets);
  return sets;
}
