import type { Clock, Name } from "@holdfast/core";
import {
  type CountsAnswer,
  type CountsReport,
  type Guard,
  type GuardCounters,
  MOST_COUNTED_RULES,
  nameField,
  type Policy,
  type PolicyCounters,
} from "@holdfast/model";
import { formatRuleId, parseRuleId, type RuleId } from "@holdfast/policy";
import { timestamp } from "../platform.ts";
import { notFound } from "../refusals.ts";
import type { State } from "../state/state.ts";
import { createDropTotals, type DropTotals } from "./drop-totals.ts";

/**
 * What rules and guards have counted on all nodes, added up as nodes report it. Kept in memory: in proportion to the rules that have decided anything, and
 * to nodes.
 */
export interface PolicyCounts {
  /** A node reports what is new. The same report again is no news. Whether everything is known now that this life of the node's agent has counted. */
  take(node: Name, report: CountsReport): CountsAnswer;
  of(tenant: Name, policy: Name): PolicyCounters;
  guards(): GuardCounters;
  /** When a node told last that a rule of an enforced policy has decided something, in milliseconds since 1970; undefined: none did. */
  countedAt(rule: RuleId): number | undefined;
  /** What of it are drops, node by node. */
  readonly drops: DropTotals;
}

interface Sum {
  packets: number;
  bytes: number;
}

/** Of a node's agent. */
interface Life {
  run: string;
  /** Of its last report. */
  sequence: number;
  /** Everything is known that it has counted. */
  whole: boolean;
  /** What it tells next it had told before, too: the rest takes several reports. */
  restGoesOn: boolean;
}

interface Counted {
  /** As it was when the first count of it came: another one of its name begins anew. */
  readonly policy: Pick<Policy, "tenant" | "name" | "createdAt" | "mode">;
  readonly rules: Map<string, Sum>;
  /** When each was told last, where it had decided something since it was told before. */
  readonly at: Map<string, number>;
}

export function createPolicyCounts({ state, clock }: { readonly state: State; readonly clock: Clock }): PolicyCounts {
  let began = timestamp(clock);
  const counted = new Map<string, Counted>();
  const drops = createDropTotals();
  const nodes = new Map<Name, Life & { readonly guards: Map<Guard, Sum> }>();

  function countedOf(policy: Policy): Counted {
    const { tenant, name, createdAt, mode } = policy;
    const known = counted.get(`${tenant}/${name}`);
    if (known?.policy.createdAt === createdAt && known.policy.mode === mode) return known;
    const fresh: Counted = { policy: { tenant, name, createdAt, mode }, rules: new Map(), at: new Map() };
    counted.set(`${tenant}/${name}`, fresh);
    return fresh;
  }

  /** What is gone counts nothing any more. */
  function forgetGone(): void {
    for (const [key, { policy }] of counted) {
      if (state.policies.get(policy.tenant, policy.name) === undefined) counted.delete(key);
    }
    for (const node of nodes.keys()) if (state.nodes.get(node) === undefined) nodes.delete(node);
    drops.forget(
      ({ node, tenant, policy }) =>
        state.nodes.get(node) === undefined ||
        (tenant !== undefined && policy !== undefined && state.policies.get(tenant, policy) === undefined),
    );
  }

  /** The policy that it was counted for. */
  function takeRule({ rule, mode, packets, bytes }: CountsReport["rules"][number]): Policy | undefined {
    const origin = parseRuleId(rule);
    if (origin?.kind !== "rule" && origin?.kind !== "isolates") return undefined;
    const [tenant, name] = [nameField.safeParse(origin.tenant), nameField.safeParse(origin.policy)];
    const policy = tenant.success && name.success ? state.policies.get(tenant.data, name.data) : undefined;
    // In a staged program are enforced policies as well, which count where they are enforced.
    if (policy?.mode !== mode) return undefined;
    add(countedOf(policy).rules, rule, { packets, bytes });
    return policy;
  }

  return {
    get drops() {
      forgetGone();
      return drops;
    },
    take(node, { run, sequence, since, rest, rules, guards }) {
      const known = nodes.get(node) ?? { run: "", sequence: 0, whole: false, restGoesOn: false, guards: new Map() };
      const isSame = known.run === run;
      if (isSame && sequence <= known.sequence) return { whole: known.whole };
      const whole = sequence === 1 || rest === true || (isSame && known.whole);
      const isRest = rest === true || (isSame && known.restGoesOn);
      const restGoesOn = isRest && rules.length === MOST_COUNTED_RULES;
      Object.assign(known, { run, sequence, whole, restGoesOn } satisfies Life);
      nodes.set(node, known);
      if (rest === true && Date.parse(since) < Date.parse(began)) began = since;
      for (const each of rules) {
        const policy = takeRule(each);
        // The rest was told before, or dropped long ago: it would look as if it had happened now.
        if (policy?.mode !== "enforced" || isRest) continue;
        drops.addRule(node, policy, each);
        if (each.packets > 0) countedOf(policy).at.set(each.rule, clock.now().getTime());
      }
      for (const each of guards) {
        add(known.guards, each.guard, each);
        if (!isRest) drops.addGuard(node, each);
      }
      return { whole };
    },

    of(tenant, name) {
      forgetGone();
      const policy = state.policies.get(tenant, name);
      if (policy === undefined) throw notFound(`policy ${name} in tenant ${tenant}`);
      const sums = countedOf(policy).rules;
      const count = (origin: Parameters<typeof formatRuleId>[0]): Sum => sums.get(formatRuleId(origin)) ?? NOTHING;
      const rows = (["ingress", "egress"] as const).flatMap((direction) => [
        ...policy[direction].map(({ id, action }) => {
          return { direction, rule: id, action, ...count({ kind: "rule", tenant, policy: name, direction, rule: id }) };
        }),
        ...(policy.isolates.includes(direction)
          ? [{ direction, action: "deny" as const, ...count({ kind: "isolates", tenant, policy: name, direction }) }]
          : []),
      ]);
      const since = new Date(Math.max(Date.parse(policy.createdAt), Date.parse(began))).toISOString();
      return { tenant, policy: name, mode: policy.mode, since, rules: rows };
    },

    countedAt(rule) {
      const origin = parseRuleId(rule);
      if (origin?.kind !== "rule" && origin?.kind !== "isolates") return undefined;
      const known = counted.get(`${origin.tenant}/${origin.policy}`);
      const policy = known && state.policies.get(known.policy.tenant, known.policy.name);
      // Another one of its name has not counted yet.
      return known?.policy.createdAt === policy?.createdAt ? known?.at.get(rule) : undefined;
    },

    guards() {
      forgetGone();
      const rows = [...nodes].flatMap(([node, { guards }]) =>
        [...guards].map(([guard, sum]) => ({ node, guard, ...sum })),
      );
      const order = (a: string, b: string) => (a < b ? -1 : Number(a > b));
      return { since: began, guards: rows.toSorted((a, b) => order(a.node, b.node) || order(a.guard, b.guard)) };
    },
  };
}

const NOTHING: Sum = { packets: 0, bytes: 0 };

function add<K>(sums: Map<K, Sum>, key: K, { packets, bytes }: Sum): void {
  const before = sums.get(key) ?? NOTHING;
  sums.set(key, { packets: before.packets + packets, bytes: before.bytes + bytes });
}
