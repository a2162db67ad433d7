import type { EndpointPrograms, Program, ProgramId } from "@holdfast/policy";
import type { ProgramChains } from "./chain-book.ts";
import type { Mode } from "./names.ts";
import type { PolicyStructure } from "./policy-structure.ts";
import { programChains } from "./program-chains.ts";

/** Programs, and the chains that they are in the kernel, by what they are for. */
export class InstalledPrograms {
  readonly #structure: PolicyStructure;
  readonly #programs = new Map<ProgramId, Program>();
  readonly #chains: Readonly<Record<Mode, Map<ProgramId, ProgramChains>>> = { enforced: new Map(), staged: new Map() };

  constructor(structure: PolicyStructure) {
    this.#structure = structure;
  }

  get size(): number {
    return this.#programs.size;
  }

  get(id: ProgramId): Program | undefined {
    return this.#programs.get(id);
  }

  has(id: ProgramId): boolean {
    return this.#programs.has(id);
  }

  all(): readonly Program[] {
    return [...this.#programs.values()];
  }

  /** New ones, and what endpoints have staged. What fails leaves everything as it was. */
  async bring(
    programs: readonly Program[],
    endpoints: readonly EndpointPrograms[],
    signal: AbortSignal,
  ): Promise<void> {
    const before = programs.map(({ id }) => [id, this.#programs.get(id)] as const);
    for (const program of programs) this.#programs.set(program.id, program);
    try {
      await this.#install(programs, signal);
      await this.stage(endpoints, signal);
    } catch (error) {
      for (const [id, program] of before) {
        if (program === undefined) this.#programs.delete(id);
        else this.#programs.set(id, program);
      }
      throw error;
    }
  }

  /** Programs that are counted only have chains of their own, from when the first endpoint has them. */
  async stage(endpoints: readonly EndpointPrograms[], signal: AbortSignal): Promise<void> {
    const wanted = new Set(endpoints.flatMap(({ staged }) => staged ?? []));
    const added = [...wanted].flatMap((id) => {
      const program = this.#programs.get(id);
      if (program === undefined || this.#chains.staged.has(id)) return [];
      return { id, chains: programChains(program, "staged") };
    });
    if (added.length === 0) return;
    await this.#structure.replace(
      added.map(({ chains }) => chains),
      [],
      signal,
    );
    for (const { id, chains } of added) this.#chains.staged.set(id, chains);
  }

  async drop(ids: readonly ProgramId[], signal: AbortSignal): Promise<void> {
    const modes = [this.#chains.enforced, this.#chains.staged];
    const dropped = ids.flatMap((id) => modes.flatMap((chains) => chains.get(id) ?? []));
    if (dropped.length > 0) await this.#structure.replace([], dropped, signal);
    for (const id of ids) {
      for (const chains of modes) chains.delete(id);
      this.#programs.delete(id);
    }
  }

  /** New versions take the place of the former in one step. */
  async #install(programs: readonly Program[], signal: AbortSignal): Promise<void> {
    const versions = programs.flatMap((program) =>
      (["enforced", "staged"] as const).flatMap((mode) => {
        const before = this.#chains[mode].get(program.id);
        if (mode === "staged" && before === undefined) return [];
        return { id: program.id, mode, before, after: programChains(program, mode) };
      }),
    );
    if (versions.length === 0) return;
    await this.#structure.replace(
      versions.map(({ after }) => after),
      versions.flatMap(({ before }) => before ?? []),
      signal,
    );
    for (const { id, mode, after } of versions) this.#chains[mode].set(id, after);
  }
}
