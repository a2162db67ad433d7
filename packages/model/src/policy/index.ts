export {
  type AddressSet,
  type AddressSetPatch,
  addressSetPatchSchema,
  addressSetSchema,
  MOST_SET_ENTRIES,
  type NewAddressSet,
  newAddressSetSchema,
  setEntriesField,
} from "./address-set.ts";
export {
  type ExplainedEnd,
  type ExplainedVerdict,
  type ExplainRequest,
  type Explanation,
  explainRequestSchema,
  explanationSchema,
} from "./explanation.ts";
export {
  type Group,
  type GroupPatch,
  groupPatchSchema,
  groupSchema,
  type NewGroup,
  newGroupSchema,
} from "./group.ts";
export {
  NAMESPACE_LABEL,
  type NetworkPolicy,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  networkPolicySchema,
} from "./network-policy.ts";
export { nodePolicyChangeSchema, policyBlockSchema } from "./node-policy.ts";
export {
  directionSchema,
  type NewPolicy,
  newPolicySchema,
  type Policy,
  type PolicyPatch,
  type PolicySubject,
  policyModeSchema,
  policyPatchSchema,
  policySchema,
  policySubjectSchema,
  TIERS,
  type Tier,
  tierSchema,
} from "./policy.ts";
export {
  type CountsAnswer,
  type CountsReport,
  countsAnswerSchema,
  countsReportSchema,
  type Guard,
  type GuardCounters,
  guardCountersSchema,
  guardSchema,
  MOST_COUNTED_RULES,
  type PolicyCounters,
  policyCountersSchema,
} from "./policy-counters.ts";
export { type PolicyDefaults, policyDefaultsSchema } from "./policy-defaults.ts";
export {
  type PolicyDrops,
  type PolicyDropsMessage,
  policyDropsKey,
  policyDropsMessageSchema,
  policyDropsSchema,
} from "./policy-drops.ts";
export {
  actionSchema,
  type Peer,
  type PolicyRule,
  type PolicyService,
  type Ports,
  peerSchema,
  policyRuleSchema,
  portsSchema,
  serviceSchema,
} from "./policy-rule.ts";
export { type LabelSelector, labelSelectorSchema, type MatchExpression, matchExpressionSchema } from "./selector.ts";
export { sharedWithField } from "./shared-with.ts";
