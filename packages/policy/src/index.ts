export {
  type CompilerChange,
  type CompilerContents,
  PolicyCompiler,
  type Stale,
} from "./compiler.ts";
export { type Contains, type Decision, decide, matches, type Packet } from "./decide.ts";
export {
  type EndQuestion,
  type EndVerdict,
  evaluateEnd,
  type Mismatch,
  type PolicyWorld,
  type Step,
} from "./evaluate.ts";
export { ORIGIN_LABEL, type TranslatedPolicy, translateNetworkPolicy } from "./kubernetes.ts";
export { link, type OutlineDefault, type ProgramOutline } from "./link.ts";
export type { MemberOutlines } from "./member-policies.ts";
export { NodePolicy, type NodePolicyChange } from "./node-policy.ts";
export type { BlockFamily, BlockRules, PolicyBlock } from "./policy-block.ts";
export { NO_NEWS, PolicyBook } from "./policy-book.ts";
export { PrefixSet } from "./prefix-set.ts";
export { isTrivial, setsOf } from "./program-sets.ts";
export { formatRuleId, parseRuleId, type RuleOrigin } from "./rule-id.ts";
export type {
  Direction,
  EndpointPolicy,
  EndpointPrograms,
  FamilyProgram,
  IcmpMatch,
  Path,
  PolicyChange,
  PolicySet,
  PortRange,
  Program,
  ProgramId,
  ProgramRule,
  Realms,
  Remote,
  RuleId,
  Section,
  Service,
  SetEdit,
  SetId,
  Stage,
  Verdict,
} from "./rule-program.ts";
export { selectorText, selects } from "./selector.ts";
export { groupInStages } from "./stages.ts";
export type { Member, PolicyGroup, PolicyNetwork, PolicySpec, PolicyTenant, View } from "./world.ts";
export { isMember } from "./world.ts";
