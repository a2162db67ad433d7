import type { IpAddress } from "@holdfast/core";
import { link, type ProgramOutline } from "./link.ts";
import type { NodePolicyChange } from "./node-policy.ts";
import type { BlockRules, PolicyBlock } from "./policy-block.ts";
import { PrefixSet } from "./prefix-set.ts";
import type {
  EndpointPolicy,
  PolicyChange,
  PolicySet,
  Program,
  ProgramId,
  ProgramRule,
  SetEdit,
  SetId,
  Stage,
} from "./rule-program.ts";

/** What a node has been told of policies, and what its data path is to do about each piece of news. */
export class PolicyBook {
  readonly #sets = new Map<SetId, PrefixSet>();
  readonly #blocks = new Map<PolicyBlock["id"], PolicyBlock>();
  readonly #outlines = new Map<ProgramId, ProgramOutline>();
  readonly #programs = new Map<ProgramId, Program>();
  readonly #endpoints = new Map<string, EndpointPolicy>();

  /** Takes news in. What is told twice is told once. */
  apply(change: NodePolicyChange): PolicyChange {
    for (const set of change.sets) this.#sets.set(set.id, filled(set));
    for (const edit of change.setEdits) this.#edit(edit);
    for (const block of change.blocks) this.#blocks.set(block.id, keepParts(this.#blocks.get(block.id), block));
    for (const outline of change.programs) this.#outlines.set(outline.id, outline);
    for (const endpoint of change.endpoints) this.#endpoints.set(endpoint.endpoint, endpoint);
    for (const id of change.programsGone) {
      this.#outlines.delete(id);
      this.#programs.delete(id);
    }
    for (const id of change.blocksGone) this.#blocks.delete(id);
    for (const id of change.setsGone) this.#sets.delete(id);
    const { sets, setEdits, setsGone, programsGone, endpoints } = change;
    return { sets, setEdits, setsGone, programs: this.#relink(change), programsGone, endpoints };
  }

  /** The endpoint is no longer here. */
  forget(endpoint: string): void {
    this.#endpoints.delete(endpoint);
  }

  policyOf(endpoint: string): EndpointPolicy | undefined {
    return this.#endpoints.get(endpoint);
  }

  program(id: ProgramId): Program | undefined {
    return this.#programs.get(id);
  }

  contains(id: SetId, address: IpAddress): boolean {
    return this.#sets.get(id)?.has(address) ?? false;
  }

  /** Everything, as for a data path that has nothing. */
  everything(): PolicyChange {
    const sets = [...this.#sets].map(
      ([id, set]): PolicySet => ({ id, family: set.family, members: [...set.outermost()] }),
    );
    const [programs, endpoints] = [[...this.#programs.values()], [...this.#endpoints.values()]];
    return { sets, setEdits: [], setsGone: [], programs, programsGone: [], endpoints };
  }

  #edit({ id, add, remove }: SetEdit): void {
    const set = this.#sets.get(id);
    for (const gone of remove) set?.delete(gone);
    // Told before: a set is read when it is sent, and an edit may be under way then.
    for (const come of add) if (set?.includes(come) === false) set.add(come);
  }

  /** Programs that are new, and those in which a block is another. */
  #relink({ programs, blocks }: NodePolicyChange): Program[] {
    const changed = new Set(blocks.map(({ id }) => id));
    const fresh = new Set(programs.map(({ id }) => id));
    const stale = [...this.#outlines.values()].filter(
      (outline) => fresh.has(outline.id) || outline.blocks.some((id) => changed.has(id)),
    );
    return stale.map((outline) => {
      const parts = outline.blocks.map((id) => this.#blocks.get(id)).filter((block) => block !== undefined);
      const program = link(outline, parts);
      this.#programs.set(outline.id, program);
      return program;
    });
  }
}

function filled({ family, members }: PolicySet): PrefixSet {
  const set = new PrefixSet(family);
  for (const member of members) set.add(member);
  return set;
}

/** The new version with the parts of the former one that are the same, so that a data path sees what has changed without comparing. */
function keepParts(before: PolicyBlock | undefined, after: PolicyBlock): PolicyBlock {
  if (before === undefined) return after;
  const family = (name: "v4" | "v6") => ({
    ingress: keepRules(before[name].ingress, after[name].ingress),
    egress: keepRules(before[name].egress, after[name].egress),
  });
  return { ...after, v4: family("v4"), v6: family("v6") };
}

function keepRules(before: BlockRules, after: BlockRules): BlockRules {
  return { main: keepStages(before.main, after.main), foreign: keepStages(before.foreign, after.foreign) };
}

function keepStages(before: readonly Stage[], after: readonly Stage[]): readonly Stage[] {
  const rules = new Map<string, ProgramRule>();
  const stages = new Map<ProgramRule | undefined, Stage>();
  for (const stage of before) {
    stages.set(stage.rules[0], stage);
    for (const rule of stage.rules) rules.set(JSON.stringify(rule), rule);
  }
  return after.map((stage) => {
    const kept = stage.rules.map((rule) => rules.get(JSON.stringify(rule)) ?? rule);
    const former = stages.get(kept[0]);
    const isSame =
      former?.disjoint === stage.disjoint &&
      former.rules.length === kept.length &&
      former.rules.every((rule, index) => rule === kept[index]);
    return isSame ? former : { ...stage, rules: kept };
  });
}
