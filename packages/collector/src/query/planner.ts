import type { EndField, PacketField, TrafficField, TrafficFilter } from "@holdfast/flow";
import { ALWAYS, type Column, type Expression, NEVER, type PlanPart, type Predicate } from "./plan.ts";

/** What somebody wants to know of traffic. */
export interface TrafficQuestion {
  readonly by: readonly TrafficField[];
  readonly filter: TrafficFilter;
  /** Whose traffic may be told. Absent: everybody's. */
  readonly tenant: string | undefined;
}

/** A question, as rows are looked at for it. */
export interface PlannedQuestion {
  readonly parts: readonly PlanPart[];
  /** All rows that any part looks at; a row once. */
  readonly asked: Predicate;
}

/** What a container's own end is, and what the other one's. */
interface Side {
  readonly own: "source" | "destination";
  readonly peer: "source" | "destination";
  readonly direction: "egress" | "ingress";
}

const SIDES: readonly Side[] = [
  { own: "source", peer: "destination", direction: "egress" },
  { own: "destination", peer: "source", direction: "ingress" },
];

/** What an end of another tenant has that is for nobody else: all but what is on the wire. */
const PRIVATE_END_FIELDS: ReadonlySet<EndField> = new Set<EndField>([
  "endpoint",
  "identity",
  "group",
  "tenant",
  "network",
  "node",
]);

/** What says how the platform is built. */
const OPERATOR_FIELDS: ReadonlySet<PacketField> = new Set<PacketField>(["exporter", "vlan", "vni"]);

/**
 * How rows are looked at for a question. It is the one place that knows who may see what: tenants are nowhere in the plan that comes out.
 *
 * - A packet between two containers is one row. A field of "the container's own" looks at it from both ends: as its source's egress and as its
 *   destination's ingress. Grouped by such a field, it is counted for either; filtered by one, it is meant when it is from either. In `asked` it is once.
 *   Places outside and ends that nobody knows are no containers: what has only such ends is asked for as source and destination.
 * - A tenant sees rows of which one end is his, from his ends only. Of the other end, if it is another tenant's, he sees the address. Filters see no
 *   more than he does.
 */
export function planQuestion({ by, filter, tenant }: TrafficQuestion): PlannedQuestion {
  const scope = scopeOf(tenant);
  const keysOf = (side: Side): Expression[] => by.map((field) => scope.expression(field, side));
  const wanted = (side: Side): Predicate => scope.predicate(filter, side);
  const fromContainer = (side: Side): Predicate => allOf([scope.mine(side), isEndpoint(side.own), wanted(side)]);
  if (by.some(isRelative)) {
    const parts = SIDES.map((side) => ({ where: fromContainer(side), keys: keysOf(side) }));
    return { parts, asked: anyOf(parts.map(({ where }) => where)) };
  }
  const [side] = SIDES as readonly [Side, Side];
  const where = isRelativeFilter(filter) ? anyOf(SIDES.map(fromContainer)) : allOf([scope.visible, wanted(side)]);
  return { parts: [{ where, keys: keysOf(side) }], asked: where };
}

/** Names that only mean something within a tenant come with it: two tenants' `redis-0` are two. */
export function withTenants(by: readonly TrafficField[]): readonly TrafficField[] {
  const found: TrafficField[] = [];
  const has = (list: readonly TrafficField[], role: string): boolean =>
    list.some((one) => one.kind === "end" && one.role === role && one.field === "tenant");
  for (const field of by) {
    const isNamed = field.kind === "end" && ["identity", "network", "group"].includes(field.field);
    if (isNamed && !has(by, field.role) && !has(found, field.role)) {
      found.push({ kind: "end", role: field.role, field: "tenant" });
    }
    found.push(field);
  }
  return found;
}

/**
 * Traffic of which an end has no name, and all that it is a share of. For a tenant both are what he sees at all, of which an end is his: how much of
 * other people's traffic has no name is not for him.
 */
export function withoutName(tenant: string | undefined): { readonly part: Predicate; readonly whole: Predicate } {
  const { visible } = scopeOf(tenant);
  return { part: allOf([visible, UNATTRIBUTED]), whole: visible };
}

const UNATTRIBUTED: Predicate = {
  kind: "is",
  of: { kind: "column", column: "attributed" },
  values: [{ kind: "equal", value: false }],
};

/** What one who asks may see. */
interface Scope {
  /** Rows that he may see at all. */
  readonly visible: Predicate;
  /** Rows that he may see from this side. */
  mine(side: Side): Predicate;
  expression(field: TrafficField, side: Side): Expression;
  predicate(filter: TrafficFilter, side: Side): Predicate;
}

function scopeOf(tenant: string | undefined): Scope {
  const isOf = (end: Side["own"]): Predicate => (tenant === undefined ? ALWAYS : equals(`${end}.tenant`, tenant));

  function column(name: Column): Expression {
    if (tenant === undefined) return { kind: "column", column: name };
    const dot = name.indexOf(".");
    if (dot < 0) {
      return OPERATOR_FIELDS.has(name as PacketField)
        ? { kind: "column", column: name, when: NEVER }
        : { kind: "column", column: name };
    }
    const end = name.slice(0, dot) as Side["own"];
    if (!PRIVATE_END_FIELDS.has(name.slice(dot + 1) as EndField)) return { kind: "column", column: name };
    return { kind: "column", column: name, when: isOf(end) };
  }

  function expression(field: TrafficField, side: Side): Expression {
    if (field.kind === "direction") return { kind: "constant", value: side.direction };
    if (field.kind === "packet") return column(field.field);
    const end = field.role === "own" || field.role === "peer" ? side[field.role] : field.role;
    return column(`${end}.${field.field}`);
  }

  function predicate(filter: TrafficFilter, side: Side): Predicate {
    switch (filter.kind) {
      case "all":
      case "any":
        return { kind: filter.kind, of: filter.of.map((one) => predicate(one, side)) };
      case "not":
        return { kind: "not", of: predicate(filter.of, side) };
      case "is":
        return { kind: "is", of: expression(filter.field, side), values: filter.values };
    }
  }

  return {
    visible: anyOf([isOf("source"), isOf("destination")]),
    mine: (side) => isOf(side.own),
    expression,
    predicate,
  };
}

function isRelative(field: TrafficField): boolean {
  return field.kind === "direction" || (field.kind === "end" && (field.role === "own" || field.role === "peer"));
}

function isRelativeFilter(filter: TrafficFilter): boolean {
  if (filter.kind === "is") return isRelative(filter.field);
  return filter.kind === "not" ? isRelativeFilter(filter.of) : filter.of.some(isRelativeFilter);
}

function isEndpoint(end: Side["own"]): Predicate {
  const of: Expression = { kind: "column", column: `${end}.endpoint` };
  return { kind: "not", of: { kind: "is", of, values: [{ kind: "absent" }] } };
}

function equals(column: Column, value: string): Predicate {
  return { kind: "is", of: { kind: "column", column }, values: [{ kind: "equal", value }] };
}

function allOf(of: readonly Predicate[]): Predicate {
  const some = of.filter((one) => !(one.kind === "all" && one.of.length === 0));
  return some.length === 1 ? (some[0] as Predicate) : { kind: "all", of: some };
}

function anyOf(of: readonly Predicate[]): Predicate {
  return of.some((one) => one.kind === "all" && one.of.length === 0) ? ALWAYS : { kind: "any", of };
}
