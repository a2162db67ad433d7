import type { Cidr, Name } from "@holdfast/core";
import type { CompilerChange, PolicyCompiler } from "./compiler.ts";
import type { ProgramOutline } from "./link.ts";
import type { PolicyBlock } from "./policy-block.ts";
import type { EndpointPolicy, PolicySet, ProgramId, SetEdit, SetId } from "./rule-program.ts";
import { realmSources, setIdOf } from "./set-source.ts";
import type { Member } from "./world.ts";

/** What a node is told: everything that its endpoints' programs are made of, and nothing else. What is referred to comes with it or came before. */
export interface NodePolicyChange {
  readonly sets: readonly PolicySet[];
  readonly setEdits: readonly SetEdit[];
  readonly setsGone: readonly SetId[];
  readonly blocks: readonly PolicyBlock[];
  readonly blocksGone: readonly PolicyBlock["id"][];
  readonly programs: readonly ProgramOutline[];
  readonly programsGone: readonly ProgramId[];
  /** Whose programs are others than before. */
  readonly endpoints: readonly EndpointPolicy[];
}

/** One node's endpoints, and what it has been told of policies. */
export class NodePolicy {
  readonly #compiler: PolicyCompiler;
  /** Nothing but the names of programs, which all endpoints share: there may be a million. */
  readonly #endpoints = new Map<string, EndpointPolicy>();
  readonly #programs = new Map<ProgramId, { readonly outline: ProgramOutline; users: number }>();
  readonly #blocks = new UseCount();
  readonly #sets = new UseCount();
  /** The sets that the told version of a block refers to. */
  readonly #setsOfBlock = new Map<PolicyBlock["id"], readonly SetId[]>();
  #news = new News();

  constructor(compiler: PolicyCompiler) {
    this.#compiler = compiler;
  }

  /** It is on the node now, or its claim is another than before. */
  setEndpoint(id: string, member: Member): void {
    const before = this.#endpoints.get(id);
    const { enforced, staged } = this.#compiler.outlines(member);
    if (before?.program === enforced.id && before.staged === staged?.id) return;
    const policy = {
      endpoint: id,
      program: this.#nameOf(enforced),
      ...(staged === undefined ? {} : { staged: this.#nameOf(staged) }),
    };
    this.#endpoints.set(id, policy);
    this.#use(enforced);
    if (staged !== undefined) this.#use(staged);
    if (before !== undefined) this.#dropPrograms(before);
    this.#news.endpoints.set(id, policy);
  }

  /** The node is gone: nothing is kept in use for it. */
  close(): void {
    for (const id of [...this.#endpoints.keys()]) this.removeEndpoint(id);
  }

  removeEndpoint(id: string): void {
    const before = this.#endpoints.get(id);
    if (before === undefined) return;
    this.#endpoints.delete(id);
    this.#news.endpoints.delete(id);
    this.#dropPrograms(before);
  }

  /** Sets and blocks have changed; whose programs are stale is up to the caller, by {@link setEndpoint}. */
  follow({ setEdits, setsBegun, blocks }: Omit<CompilerChange, "stale">): void {
    for (const id of setsBegun) if (this.#sets.has(id)) this.#news.come("sets", id, id);
    for (const edit of setEdits) if (this.#sets.has(edit.id)) this.#news.edit(edit);
    for (const id of blocks) if (this.#blocks.has(id)) this.#renew(id);
  }

  /** What is new since it was asked last; undefined: nothing. */
  take(): NodePolicyChange | undefined {
    const news = this.#news;
    this.#news = new News();
    return news.change(this.#compiler);
  }

  /** The name as it is kept already. */
  #nameOf({ id }: ProgramOutline): ProgramId {
    return this.#programs.get(id)?.outline.id ?? id;
  }

  #use(outline: ProgramOutline): void {
    const program = this.#programs.get(outline.id);
    if (program !== undefined) {
      program.users++;
      return;
    }
    this.#programs.set(outline.id, { outline, users: 1 });
    this.#news.come("programs", outline.id, outline);
    this.#compiler.useRealms(outline.tenant);
    for (const set of realmsOf(outline.tenant)) this.#useSet(set);
    for (const id of outline.blocks) this.#useBlock(id);
  }

  #dropPrograms({ program, staged }: EndpointPolicy): void {
    for (const id of staged === undefined ? [program] : [program, staged]) this.#drop(id);
  }

  #drop(id: ProgramId): void {
    const program = this.#programs.get(id);
    if (program === undefined || --program.users > 0) return;
    this.#programs.delete(id);
    this.#news.go("programs", id);
    const { outline } = program;
    for (const block of outline.blocks) this.#dropBlock(block);
    for (const set of realmsOf(outline.tenant)) this.#dropSet(set);
    this.#compiler.dropRealms(outline.tenant);
  }

  #useBlock(id: PolicyBlock["id"]): void {
    if (this.#blocks.use(id)) this.#renew(id);
  }

  #dropBlock(id: PolicyBlock["id"]): void {
    if (!this.#blocks.drop(id)) return;
    this.#news.go("blocks", id);
    for (const set of this.#setsOfBlock.get(id) ?? []) this.#dropSet(set);
    this.#setsOfBlock.delete(id);
  }

  #renew(id: PolicyBlock["id"]): void {
    const before = this.#setsOfBlock.get(id) ?? [];
    const sets = [...this.#compiler.setsOf(id)];
    for (const set of sets) this.#useSet(set);
    for (const set of before) this.#dropSet(set);
    this.#setsOfBlock.set(id, sets);
    const block = this.#compiler.block(id);
    if (block !== undefined) this.#news.come("blocks", id, block);
  }

  #useSet(id: SetId): void {
    if (this.#sets.use(id)) this.#news.come("sets", id, id);
  }

  #dropSet(id: SetId): void {
    if (this.#sets.drop(id)) this.#news.go("sets", id);
  }
}

function realmsOf(tenant: Name): SetId[] {
  return realmSources(tenant).flatMap((source) => [setIdOf(source, "v4"), setIdOf(source, "v6")]);
}

/** How many use a thing. */
class UseCount {
  readonly #users = new Map<string, number>();

  has(id: string): boolean {
    return this.#users.has(id);
  }
  /** True for the first. */
  use(id: string): boolean {
    const users = (this.#users.get(id) ?? 0) + 1;
    this.#users.set(id, users);
    return users === 1;
  }
  /** True for the last. */
  drop(id: string): boolean {
    const users = (this.#users.get(id) ?? 0) - 1;
    if (users > 0) this.#users.set(id, users);
    else this.#users.delete(id);
    return users === 0;
  }
}

interface Things {
  readonly sets: SetId;
  readonly blocks: PolicyBlock;
  readonly programs: ProgramOutline;
}

/** What has come and gone since the node was told last. */
class News {
  readonly endpoints = new Map<string, EndpointPolicy>();
  readonly #come = {
    sets: new Map<string, SetId>(),
    blocks: new Map<string, PolicyBlock>(),
    programs: new Map<string, ProgramOutline>(),
  };
  readonly #gone = { sets: new Set<string>(), blocks: new Set<string>(), programs: new Set<string>() };
  readonly #edits = new Map<SetId, SetEdit>();

  come<K extends keyof Things>(kind: K, id: string, thing: Things[K]): void {
    (this.#come[kind] as Map<string, Things[K]>).set(id, thing);
    this.#gone[kind].delete(id);
    if (kind === "sets") this.#edits.delete(id);
  }

  go(kind: keyof Things, id: string): void {
    this.#come[kind].delete(id);
    this.#gone[kind].add(id);
    if (kind === "sets") this.#edits.delete(id);
  }

  /** Of a set that is new as a whole anyway, it is no news. */
  edit({ id, add, remove }: SetEdit): void {
    if (this.#come.sets.has(id)) return;
    const before = this.#edits.get(id);
    this.#edits.set(id, before === undefined ? { id, add, remove } : joined(before, { id, add, remove }));
  }

  change(compiler: PolicyCompiler): NodePolicyChange | undefined {
    const change = {
      sets: [...this.#come.sets.keys()].map((id) => readSet(id, compiler)),
      setEdits: [...this.#edits.values()],
      setsGone: [...this.#gone.sets],
      blocks: [...this.#come.blocks.values()],
      blocksGone: [...this.#gone.blocks],
      programs: [...this.#come.programs.values()],
      programsGone: [...this.#gone.programs],
      endpoints: [...this.endpoints.values()],
    };
    return Object.values(change).some((list) => list.length > 0) ? change : undefined;
  }
}

function readSet(id: SetId, compiler: PolicyCompiler): PolicySet {
  return { id, family: id.endsWith("/v4") ? "v4" : "v6", members: [...(compiler.members(id) ?? [])] };
}

function joined(first: SetEdit, second: SetEdit): SetEdit {
  const add = new Set<Cidr>(first.add);
  const remove = new Set<Cidr>(first.remove);
  for (const gone of second.remove) if (!add.delete(gone)) remove.add(gone);
  for (const come of second.add) if (!remove.delete(come)) add.add(come);
  return { id: first.id, add: [...add], remove: [...remove] };
}
