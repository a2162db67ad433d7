import { type Cidr, createTurns, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { Netfilter, SetChange } from "@holdfast/netlink";
import type { EndpointPrograms, PolicyChange, Program, ProgramId, SetEdit } from "@holdfast/policy";
import { checkPolicy } from "../../../check-policy.ts";
import type { EndpointWiring, PolicyDatapath, RuleCounter } from "../../../driver.ts";
import type { HostTools } from "../../../machine/host-tools.ts";
import { PolicyMemory } from "../../../policy-memory.ts";
import type { ProgramChains } from "./chain-book.ts";
import { reviewConnections } from "./connection-review.ts";
import { LEAD_MAPS, LinkLeads } from "./link-leads.ts";
import { type Mode, POLICY_TABLE } from "./names.ts";
import { type Placed, Placements } from "./placements.ts";
import { baseChains, CUT_COUNTER, groundScript, removalScript } from "./policy-script.ts";
import { PolicySets } from "./policy-sets.ts";
import { PolicyStructure } from "./policy-structure.ts";
import { INVALID_COUNTER, programChains } from "./program-chains.ts";

export interface KernelPolicyDependencies {
  readonly netfilter: Netfilter;
  readonly host: HostTools;
  readonly logger: Logger;
}

/** Rule programs in nftables. Text for nft(8) where rules change, the kernel's own words where only members and endpoints do. */
export class KernelPolicy implements PolicyDatapath {
  readonly #netfilter: Netfilter;
  readonly #host: HostTools;
  readonly #logger: Logger;
  readonly #linkPrefix: string;
  readonly #sets: PolicySets;
  readonly #structure: PolicyStructure;
  readonly #programs = new Map<ProgramId, Program>();
  readonly #chains: Readonly<Record<Mode, Map<ProgramId, ProgramChains>>> = { enforced: new Map(), staged: new Map() };
  readonly #placements = new Placements();
  readonly #leads: LinkLeads;
  /** Sets that the kernel has from an earlier run. */
  #setsOfKernel = new Set<string>();
  readonly #turns = createTurns();
  #isThere = false;
  /** Until the first endpoint has a policy: rules that follow connections make the kernel follow all of the machine's. */
  #memory: PolicyMemory | undefined = new PolicyMemory();

  constructor({ netfilter, host, logger }: KernelPolicyDependencies, linkPrefix: string) {
    this.#netfilter = netfilter;
    this.#host = host;
    this.#logger = logger;
    this.#linkPrefix = linkPrefix;
    this.#sets = new PolicySets(netfilter);
    this.#leads = new LinkLeads(netfilter);
    this.#structure = new PolicyStructure(host, baseChains(linkPrefix), [INVALID_COUNTER, CUT_COUNTER]);
  }

  async applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void> {
    await this.#turns.take("", async () => {
      signal.throwIfAborted();
      if (this.#memory === undefined) await this.#apply(change, signal);
      else {
        this.#memory.check(change);
        this.#memory.take(change);
      }
      if (this.#isThere) await this.#wake(signal);
    });
  }

  async ruleCounters(signal: AbortSignal): Promise<readonly RuleCounter[]> {
    signal.throwIfAborted();
    if (!this.#isThere) return [];
    return this.#netfilter.readCounters(POLICY_TABLE).flatMap(({ name, packets, bytes }) => {
      const ref = this.#structure.ruleOf(name);
      return ref === undefined ? [] : { ...ref, packets, bytes };
    });
  }

  /** What an earlier run has left. */
  recover(): void {
    const contents = this.#netfilter.readTable(POLICY_TABLE);
    this.#isThere = this.#structure.recover(contents);
    this.#setsOfKernel = new Set(contents?.sets);
    this.#leads.recover(contents?.sets);
  }

  /**
   * The endpoint's packets are decided by its programs from now on, on this link, wherever it was before. Before its first packet.
   *
   * @throws HoldfastError `not_found` when a program is not here.
   */
  async admit({ id, policy, addresses }: EndpointWiring, link: string, signal: AbortSignal): Promise<void> {
    const before = this.#placements.get(id);
    if (policy === undefined) {
      this.#leads.lead(link, undefined);
      this.#placements.delete(id);
      if (before !== undefined) await this.#review([before], []);
      return;
    }
    this.expect(id, policy);
    if (this.#memory !== undefined) await this.#turns.take("", () => this.#wake(signal));
    if (policy.staged !== undefined && !this.#chains.staged.has(policy.staged)) {
      await this.#turns.take("", () => this.#stage([policy], signal));
    }
    this.#leads.lead(link, policy);
    const placed = { link, addresses, programs: policy };
    this.#placements.set(id, placed);
    if (before?.programs.program !== policy.program) await this.#review([placed], []);
  }

  /** @throws HoldfastError `not_found` when a program is not here. */
  expect(endpoint: string, { program, staged = program }: EndpointPrograms): void {
    const missing = [program, staged].find((id) => !this.#programs.has(id) && !this.#memory?.has(id));
    if (missing === undefined) return;
    throw new HoldfastError(
      "not_found",
      `endpoint ${endpoint} is not attached: its policy ${missing} is not here; apply it first`,
    );
  }

  /** The link is gone. */
  dismiss(endpoint: string, link: string): void {
    if (this.#placements.get(endpoint)?.link === link) this.#placements.delete(endpoint);
    try {
      this.#leads.lead(link, undefined);
    } catch (error) {
      this.#logger.warn("a link that is gone still has a policy", { interface: link, error: errorText(error) });
    }
  }

  /** Takes away what an earlier run has left and nobody wants. */
  async prune(signal: AbortSignal): Promise<void> {
    await this.#turns.take("", async () => {
      if (!this.#isThere) return;
      if (this.#programs.size === 0) {
        await this.#lower(signal);
        return;
      }
      const links = new Set(this.#placements.values().map(({ link }) => link));
      for (const link of this.#leads.links()) if (!links.has(link)) this.#leads.lead(link, undefined);
      await this.#structure.prune(signal);
      const gone = [...this.#setsOfKernel].filter(
        (id) => !LEAD_MAPS.has(id) && !id.startsWith("__") && !this.#sets.has(id),
      );
      this.#netfilter.change(
        POLICY_TABLE,
        gone.map((set): SetChange => ({ kind: "delete", set })),
      );
      this.#setsOfKernel.clear();
    });
  }

  /** What was only kept comes into force. */
  async #wake(signal: AbortSignal): Promise<void> {
    if (this.#memory === undefined) return;
    await this.#apply(this.#memory.whole, signal);
    this.#memory = undefined;
  }

  async #apply(change: PolicyChange, signal: AbortSignal): Promise<void> {
    checkPolicy(change, { hasProgram: (id) => this.#programs.has(id), hasSet: (id) => this.#sets.has(id) });
    await this.#raise(signal);
    this.#sets.recover(change.sets, this.#setsOfKernel);
    const edits = this.#sets.editsOf(change);
    await this.#bring(change, edits, signal);
    const placed = this.#leadChanged(change);
    await this.#take(change, signal);
    const programs = new Set(change.programs.map(({ id }) => id));
    const concerned = [...placed, ...this.#placements.values().filter((each) => programs.has(each.programs.program))];
    const remotes = edits.flatMap(({ add, remove }) => [...add, ...remove]);
    await this.#review(concerned, remotes);
  }

  async #raise(signal: AbortSignal): Promise<void> {
    if (this.#isThere) return;
    await this.#host.nft(groundScript(this.#linkPrefix), signal);
    this.recover();
  }

  /** No policy is left. */
  async #lower(signal: AbortSignal): Promise<void> {
    await this.#host.nft(removalScript(), signal);
    this.#sets.forget();
    this.recover();
    this.#memory = new PolicyMemory();
  }

  /** Everything that is new, so that nothing of it is used yet: sets, then programs. */
  async #bring(change: PolicyChange, edits: readonly SetEdit[], signal: AbortSignal): Promise<void> {
    const before = change.programs.map(({ id }) => [id, this.#programs.get(id)] as const);
    this.#sets.create(change.sets);
    await this.#sets.edit(edits);
    for (const program of change.programs) this.#programs.set(program.id, program);
    try {
      await this.#install(change.programs, signal);
      await this.#stage(change.endpoints, signal);
    } catch (error) {
      for (const [id, program] of before) {
        if (program === undefined) this.#programs.delete(id);
        else this.#programs.set(id, program);
      }
      await this.#sets.edit(edits.toReversed().map(({ id, add, remove }) => ({ id, add: remove, remove: add })));
      throw error;
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

  /** Programs that are counted only have chains of their own, from when the first endpoint has them. */
  async #stage(endpoints: readonly EndpointPrograms[], signal: AbortSignal): Promise<void> {
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

  #leadChanged({ endpoints }: PolicyChange): Placed[] {
    const changed: Placed[] = [];
    for (const { endpoint, program, staged } of endpoints) {
      const before = this.#placements.get(endpoint);
      if (before === undefined) continue;
      const programs = { program, ...(staged === undefined ? {} : { staged }) };
      this.#leads.lead(before.link, programs);
      const placed = { ...before, programs };
      this.#placements.set(endpoint, placed);
      changed.push(placed);
    }
    return changed;
  }

  /** What nobody needs any more. It does no harm: what fails goes with the next start. */
  async #take({ programsGone, setsGone }: PolicyChange, signal: AbortSignal): Promise<void> {
    try {
      const modes = [this.#chains.enforced, this.#chains.staged];
      const dropped = programsGone.flatMap((id) => modes.flatMap((chains) => chains.get(id) ?? []));
      if (dropped.length > 0) await this.#structure.replace([], dropped, signal);
      for (const id of programsGone) {
        for (const chains of modes) chains.delete(id);
        this.#programs.delete(id);
      }
      this.#sets.delete(setsGone);
      if (this.#programs.size === 0) await this.#lower(signal);
    } catch (error) {
      this.#logger.warn("policy that is gone stays in the kernel", { error: errorText(error) });
    }
  }

  async #review(placed: readonly Placed[], remotes: readonly Cidr[]): Promise<void> {
    const concern = { endpoints: new Set(placed.flatMap(({ addresses }) => addresses)), remotes };
    await reviewConnections(this.#netfilter, concern, {
      programOf: (address) => {
        const found = this.#placements.holderOf(address);
        return found && this.#programs.get(found.programs.program);
      },
      contains: (set, address) => this.#sets.contains(set, address),
    });
  }
}
