import { alike, type Cidr, type IpAddress } from "@holdfast/core";
import { keepParts } from "./block-parts.ts";
import { link, type ProgramOutline } from "./link.ts";
import type { NodePolicyChange } from "./node-policy.ts";
import type { PolicyBlock } from "./policy-block.ts";
import { PrefixSet } from "./prefix-set.ts";
import { setsOf } from "./program-sets.ts";
import type { EndpointPolicy, PolicyChange, PolicySet, Program, ProgramId, SetEdit, SetId } from "./rule-program.ts";

/** No news. */
export const NO_NEWS: NodePolicyChange = {
  sets: [],
  setEdits: [],
  setsGone: [],
  blocks: [],
  blocksGone: [],
  programs: [],
  programsGone: [],
  endpoints: [],
};

/**
 * What a node has been told of policies, and what its data path is to do about each piece of news. What an endpoint here still has stays, also when the
 * controller has no use for it any more: until the endpoint is forgotten, its packets are decided by it.
 */
export class PolicyBook {
  readonly #sets = new Map<SetId, PrefixSet>();
  readonly #blocks = new Map<PolicyBlock["id"], PolicyBlock>();
  readonly #outlines = new Map<ProgramId, ProgramOutline>();
  readonly #programs = new Map<ProgramId, Program>();
  readonly #endpoints = new Map<string, EndpointPolicy>();
  /** Gone, but for endpoints that still have them. */
  readonly #kept = { programs: new Set<ProgramId>(), sets: new Set<SetId>() };

  /** Takes news in. */
  apply(change: NodePolicyChange): PolicyChange {
    const { sets, setEdits, endpoints } = change;
    for (const set of sets) this.#sets.set(set.id, filled(set));
    for (const edit of setEdits) this.#edit(edit);
    for (const block of change.blocks) this.#blocks.set(block.id, keepParts(this.#blocks.get(block.id), block));
    for (const outline of change.programs) this.#outlines.set(outline.id, outline);
    for (const endpoint of endpoints) this.#endpoints.set(endpoint.endpoint, endpoint);
    const programs = this.#relink(change);
    for (const { id } of change.programs) this.#kept.programs.delete(id);
    for (const { id } of sets) this.#kept.sets.delete(id);
    for (const id of change.programsGone) this.#kept.programs.add(id);
    for (const id of change.blocksGone) this.#blocks.delete(id);
    for (const id of change.setsGone) this.#kept.sets.add(id);
    const left = this.#letGo();
    return { sets, setEdits, endpoints, programs: programs.filter(({ id }) => this.#programs.has(id)), ...left };
  }

  /** What is news in a telling of everything; the rest is as it is here. */
  newsIn(everything: NodePolicyChange): NodePolicyChange {
    const ids = (list: readonly { readonly id: string }[]) => new Set(list.map(({ id }) => id));
    const [sets, blocks, programs] = [ids(everything.sets), ids(everything.blocks), ids(everything.programs)];
    const known = everything.sets.filter(({ id }) => this.#sets.has(id));
    return {
      sets: everything.sets.filter(({ id }) => !this.#sets.has(id) || this.#kept.sets.has(id)),
      setEdits: known.map((set) => this.#difference(set)).filter(({ add, remove }) => add.length + remove.length > 0),
      setsGone: [...this.#sets.keys()].filter((id) => !sets.has(id) && !this.#kept.sets.has(id)),
      blocks: everything.blocks.filter((block) => !alike(this.#blocks.get(block.id), block)),
      blocksGone: [...this.#blocks.keys()].filter((id) => !blocks.has(id)),
      programs: everything.programs.filter(
        (outline) => this.#kept.programs.has(outline.id) || !alike(this.#outlines.get(outline.id), outline),
      ),
      programsGone: [...this.#outlines.keys()].filter((id) => !programs.has(id) && !this.#kept.programs.has(id)),
      endpoints: everything.endpoints.filter((policy) => !alike(this.#endpoints.get(policy.endpoint), policy)),
    };
  }

  /** The endpoint is no longer here. Gives what the data path can let go of with it; undefined: nothing. */
  forget(endpoint: string): PolicyChange | undefined {
    if (!this.#endpoints.delete(endpoint)) return undefined;
    const gone = this.#letGo();
    if (gone.programsGone.length + gone.setsGone.length === 0) return undefined;
    return { sets: [], setEdits: [], programs: [], endpoints: [], ...gone };
  }

  /** The endpoint has these programs, which are here, until it is told others. */
  assume(policy: EndpointPolicy): void {
    this.#endpoints.set(policy.endpoint, policy);
  }

  /** Those that have programs, as of now. */
  endpoints(): readonly string[] {
    return [...this.#endpoints.keys()];
  }

  policyOf(endpoint: string): EndpointPolicy | undefined {
    return this.#endpoints.get(endpoint);
  }

  /** Whether some endpoint has the program staged, and none has it enforced. */
  isOnlyStaged(id: ProgramId): boolean {
    const endpoints = [...this.#endpoints.values()];
    return endpoints.some(({ staged }) => staged === id) && !endpoints.some(({ program }) => program === id);
  }

  program(id: ProgramId): Program | undefined {
    return this.#programs.get(id);
  }

  contains(id: SetId, address: IpAddress): boolean {
    return this.#sets.get(id)?.has(address) ?? false;
  }

  members(id: SetId): readonly Cidr[] | undefined {
    const set = this.#sets.get(id);
    return set && [...set.outermost()];
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

  #difference({ id, members }: PolicySet): SetEdit {
    const [here, there] = [new Set(this.members(id)), new Set(members)];
    return { id, add: [...there.difference(here)], remove: [...here.difference(there)] };
  }

  /** Programs that are new, and those in which a block is another. */
  #relink({ programs, blocks }: NodePolicyChange): Program[] {
    const changed = new Set(blocks.map(({ id }) => id));
    const fresh = new Set(programs.map(({ id }) => id));
    const stale = [...this.#outlines.values()].filter(
      (outline) => fresh.has(outline.id) || outline.blocks.some((id) => changed.has(id)),
    );
    return stale.flatMap((outline) => {
      const parts = outline.blocks.map((id) => this.#blocks.get(id)).filter((block) => block !== undefined);
      // Of one that is only kept, some blocks are gone: it stays as it was.
      if (parts.length < outline.blocks.length) return [];
      const program = link(outline, parts);
      this.#programs.set(outline.id, program);
      return program;
    });
  }

  /** What is gone and nobody has any more. */
  #letGo(): Pick<PolicyChange, "programsGone" | "setsGone"> {
    if (this.#kept.programs.size + this.#kept.sets.size === 0) return { programsGone: [], setsGone: [] };
    const used = new Set([...this.#endpoints.values()].flatMap(({ program, staged = program }) => [program, staged]));
    const programsGone = [...this.#kept.programs].filter((id) => !used.has(id));
    for (const id of programsGone) {
      this.#kept.programs.delete(id);
      this.#outlines.delete(id);
      this.#programs.delete(id);
    }
    const needed = new Set([...this.#kept.programs].flatMap((id) => setsOf(this.#programs.get(id))));
    const setsGone = [...this.#kept.sets].filter((id) => !needed.has(id));
    for (const id of setsGone) {
      this.#kept.sets.delete(id);
      this.#sets.delete(id);
    }
    return { programsGone, setsGone };
  }
}

function filled({ family, members }: PolicySet): PrefixSet {
  const set = new PrefixSet(family);
  for (const member of members) set.add(member);
  return set;
}
