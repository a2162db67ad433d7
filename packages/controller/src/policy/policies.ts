import { definedFields, HoldfastError, type Name } from "@holdfast/core";
import type { NewPolicy, Policy, PolicyPatch, PolicyRule } from "@holdfast/model";
import { type Platform, timestamp } from "../platform.ts";
import { checkIfMatch, invalidField, notFound } from "../refusals.ts";
import type { Caller, Draft } from "../state/change.ts";
import { keys } from "../state/keys.ts";
import { checkReferences } from "./references.ts";
import { alreadyThere, expectTenant, inTurn } from "./tenant-things.ts";

/** What names a rule. */
export interface RuleName {
  readonly tenant: Name;
  readonly policy: Name;
  readonly direction: "ingress" | "egress";
  readonly rule: string;
}

export interface Policies {
  create(tenant: Name, body: NewPolicy, caller: Caller): Promise<Policy>;
  get(tenant: Name, name: Name): Policy;
  update(tenant: Name, name: Name, patch: PolicyPatch, caller: Caller): Promise<Policy>;
  /** Adds a rule, or edits it in its place; `before` says where it goes. */
  setRule(
    name: RuleName,
    placement: { readonly rule: PolicyRule; readonly before?: string | undefined },
    caller: Caller,
  ): Promise<Policy>;
  deleteRule(name: RuleName, caller: Caller): Promise<Policy>;
  /** Gives the policy that is enforced from then on. */
  enforce(tenant: Name, name: Name, caller: Caller): Promise<Policy>;
  delete(tenant: Name, name: Name, caller: Caller): Promise<void>;
}

const MOST_RULES = 1000;

export function createPolicies({ state, changer, clock, rules }: Platform): Policies {
  function get(tenant: Name, name: Name): Policy {
    const policy = state.policies.get(tenant, name);
    if (policy === undefined) throw notFound(`policy ${name} in tenant ${tenant}`);
    return policy;
  }

  /** Somebody may want to see first what policies would do. */
  function checkEnforceable(mode: Policy["mode"]): void {
    if (mode === "staged" || rules.enforcePolicies === true) return;
    throw invalidField(
      "mode",
      "this controller takes staged policies alone; stage it (mode: staged), or start controllers without enforcePolicies: false",
    );
  }

  function put(draft: Draft, policy: Policy): Policy {
    const { tenant, name } = policy;
    checkEnforceable(policy.mode);
    if (policy.replaces !== undefined && policy.mode !== "staged") {
      throw invalidField("replaces", "only a staged policy takes the place of another one");
    }
    if (policy.replaces === name) throw invalidField("replaces", "a policy does not replace itself");
    checkReferences(state, draft, policy);
    inTurn(state, draft, tenant);
    draft.put(keys.policy(tenant, name), policy);
    return policy;
  }

  async function change(tenant: Name, name: Name, caller: Caller, next: (policy: Policy) => Policy): Promise<Policy> {
    const { result, revision } = await changer.change((draft) => {
      const policy = get(tenant, name);
      checkIfMatch(caller, `policy ${tenant}/${name}`, policy.revision);
      draft.expect(keys.policy(tenant, name), policy.revision);
      return put(draft, next(policy));
    });
    return { ...result, revision };
  }

  return {
    async create(tenant, body, caller) {
      const { result, revision } = await changer.change((draft) => {
        expectTenant(state, draft, tenant);
        if (state.policies.get(tenant, body.name) !== undefined) throw alreadyThere(`policy ${tenant}/${body.name}`);
        draft.expect(keys.policy(tenant, body.name), 0);
        return put(draft, { tenant, ...body, createdAt: timestamp(clock), revision: 0 });
      }, caller);
      return { ...result, revision };
    },

    get,

    update: (tenant, name, patch, caller) =>
      change(tenant, name, caller, (policy) => ({ ...policy, ...definedFields(patch) })),

    setRule({ tenant, policy: name, direction, rule: id }, { rule, before }, caller) {
      if (rule.id !== id) throw invalidField("rule.id", `the request is about rule ${id}, not ${rule.id}`);
      return change(tenant, name, caller, (policy) => ({
        ...policy,
        [direction]: placed(policy[direction], rule, before),
      }));
    },

    deleteRule: ({ tenant, policy: name, direction, rule: id }, caller) =>
      change(tenant, name, caller, (policy) => {
        const rest = policy[direction].filter((rule) => rule.id !== id);
        if (rest.length === policy[direction].length)
          throw notFound(`rule ${id} in ${direction} of policy ${tenant}/${name}`);
        return { ...policy, [direction]: rest };
      }),

    async enforce(tenant, name, caller) {
      const { result, revision } = await changer.change((draft) => {
        const policy = get(tenant, name);
        checkIfMatch(caller, `policy ${tenant}/${name}`, policy.revision);
        if (policy.mode === "enforced") return policy;
        draft.expect(keys.policy(tenant, name), policy.revision);
        const { replaces, ...spec } = policy;
        if (replaces === undefined) return put(draft, { ...spec, mode: "enforced" });
        const former = state.policies.get(tenant, replaces);
        if (former?.mode === "staged") {
          throw new HoldfastError(
            "conflict",
            `policy ${tenant}/${replaces}, which ${name} is to replace, is staged itself; enforce it first`,
          );
        }
        draft.expect(keys.policy(tenant, replaces), former?.revision ?? 0);
        draft.delete(keys.policy(tenant, name));
        const createdAt = former?.createdAt ?? spec.createdAt;
        return put(draft, { ...spec, name: replaces, mode: "enforced", createdAt });
      });
      return { ...result, revision };
    },

    async delete(tenant, name, caller) {
      await changer.change((draft) => {
        const policy = get(tenant, name);
        checkIfMatch(caller, `policy ${tenant}/${name}`, policy.revision);
        draft.expect(keys.policy(tenant, name), policy.revision);
        draft.delete(keys.policy(tenant, name));
        return undefined;
      });
    },
  };
}

/** @throws HoldfastError `not_found` when it is to go before a rule that is not there. */
function placed(rules: readonly PolicyRule[], rule: PolicyRule, before: string | undefined): PolicyRule[] {
  const index = rules.findIndex(({ id }) => id === rule.id);
  if (before === undefined && index >= 0) return rules.with(index, rule);
  const others = rules.filter(({ id }) => id !== rule.id);
  if (others.length === MOST_RULES)
    throw invalidField("rule", `the policy has ${MOST_RULES} rules already; begin another policy`);
  if (before === undefined) return [...others, rule];
  const place = others.findIndex(({ id }) => id === before);
  if (place < 0) throw notFound(`rule ${before} to put it before`);
  return others.toSpliced(place, 0, rule);
}
