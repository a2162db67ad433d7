import { type Cidr, createTurns, errorText, HoldfastError, type Logger } from "@holdfast/core";
import type { Netfilter, Removal, SetChange } from "@holdfast/netlink";
import type { EndpointPrograms, PolicyChange, SetEdit } from "@holdfast/policy";
import { checkPolicy } from "../../../check-policy.ts";
import type { EndpointWiring, GuardCounter, PolicyDatapath, RuleCounter } from "../../../driver.ts";
import type { HostTools } from "../../../machine/host-tools.ts";
import { PolicyMemory } from "../../../policy-memory.ts";
import { ARP_GUARD, GUARD_TABLE, KERNEL_GUARDS } from "../guard.ts";
import { reviewConnections } from "./connection-review.ts";
import { InstalledPrograms } from "./installed-programs.ts";
import { LEAD_MAPS, LinkLeads } from "./link-leads.ts";
import { CLOSED_TABLE, POLICY_TABLE } from "./names.ts";
import { type Placed, Placements } from "./placements.ts";
import { baseChains, CUT_COUNTER, closeScript, groundScript, openScript, removalScript } from "./policy-script.ts";
import { PolicySets } from "./policy-sets.ts";
import { PolicyStructure } from "./policy-structure.ts";
import { INVALID_COUNTER } from "./program-chains.ts";

export interface KernelPolicyDependencies {
  readonly netfilter: Netfilter;
  readonly host: HostTools;
  readonly logger: Logger;
}

const NO_CHANGE: PolicyChange = { sets: [], setEdits: [], setsGone: [], programs: [], programsGone: [], endpoints: [] };

/** Rule programs in nftables. Text for nft(8) makes the table, all that changes in it is told to the kernel in its own words. */
export class KernelPolicy implements PolicyDatapath {
  readonly #netfilter: Netfilter;
  readonly #host: HostTools;
  readonly #logger: Logger;
  readonly #linkPrefix: string;
  readonly #sets: PolicySets;
  readonly #structure: PolicyStructure;
  readonly #programs: InstalledPrograms;
  readonly #placements = new Placements();
  readonly #leads: LinkLeads;
  /** Sets that the kernel has from an earlier run. */
  #setsOfKernel = new Set<string>();
  readonly #turns = createTurns();
  #isThere = false;
  /** All that there was when somebody had taken some of it away, until it is back. */
  #owed: PolicyChange | undefined;
  /** What was taken away and not looked at yet. */
  readonly #heard: (Removal | "overrun")[] = [];
  /** Until the first endpoint has a policy: rules that follow connections make the kernel follow all of the machine's. */
  #memory: PolicyMemory | undefined = new PolicyMemory();

  constructor({ netfilter, host, logger }: KernelPolicyDependencies, linkPrefix: string) {
    this.#netfilter = netfilter;
    this.#host = host;
    this.#logger = logger;
    this.#linkPrefix = linkPrefix;
    this.#sets = new PolicySets(netfilter);
    this.#leads = new LinkLeads(netfilter);
    this.#structure = new PolicyStructure(netfilter, baseChains(linkPrefix), [INVALID_COUNTER, CUT_COUNTER]);
    this.#programs = new InstalledPrograms(this.#structure);
  }

  async applyPolicy(change: PolicyChange, signal: AbortSignal): Promise<void> {
    await this.#turns.take("", async () => {
      signal.throwIfAborted();
      if (this.#owed !== undefined) await this.#restore(signal);
      if (this.#memory === undefined) await this.#apply(change, signal);
      else {
        this.#memory.check(change);
        this.#memory.take(change);
      }
      if (this.#isThere) await this.#wake(signal);
    });
  }

  /**
   * Others have taken something away. Resolves with whether it has to be there. In turn: what a change takes away itself is not missed when it is done, and
   * what had been taken away before {@link restore} read the table is back with it.
   */
  async hear(removal: Removal | "overrun"): Promise<boolean> {
    if (removal !== "overrun" && removal.table !== POLICY_TABLE) return false;
    this.#heard.push(removal);
    return await this.#turns.take(
      "",
      async () => this.#isThere && this.#heard.splice(0).some((each) => this.#misses(each)),
    );
  }

  #misses(removal: Removal | "overrun"): boolean {
    if (removal === "overrun" || !this.#netfilter.hasTable(`inet ${POLICY_TABLE}`)) return true;
    if (removal.part === "set") return this.#sets.owns(removal.name) || LEAD_MAPS.has(removal.name);
    return this.#structure.misses(removal, (chain) => this.#netfilter.readChain(POLICY_TABLE, chain));
  }

  /** Brings back what others have taken away. Until it is back nothing new is begun; what had been begun meanwhile and is denied is cut. */
  async restore(signal: AbortSignal): Promise<void> {
    await this.#turns.take("", () => this.#restore(signal));
  }

  async #restore(signal: AbortSignal): Promise<void> {
    if (!this.#isThere && this.#owed === undefined) return;
    this.#owed ??= {
      ...NO_CHANGE,
      sets: this.#sets.everything(),
      programs: this.#programs.all(),
      endpoints: this.#placements.endpoints(),
    };
    await this.#host.nft(closeScript(), signal);
    this.#heard.length = 0;
    this.#sets.forget();
    this.recover();
    await this.#apply(this.#owed, signal);
    this.#owed = undefined;
    this.#setsOfKernel.clear();
    await this.#host.nft(openScript(), signal);
  }

  async ruleCounters(signal: AbortSignal): Promise<readonly RuleCounter[]> {
    signal.throwIfAborted();
    if (!this.#isThere) return [];
    return this.#netfilter.readCounters(POLICY_TABLE).flatMap(({ name, packets, bytes }) => {
      const ref = this.#structure.ruleOf(name);
      return ref === undefined ? [] : { ...ref, packets, bytes };
    });
  }

  async guardCounters(signal: AbortSignal): Promise<readonly GuardCounter[]> {
    signal.throwIfAborted();
    const counted = (family: "inet" | "arp") =>
      new Map(this.#netfilter.readCounters(GUARD_TABLE, family).map((each) => [each.name, each]));
    const [inet, arp] = [counted("inet"), counted("arp")];
    return (["mac", "ip", "arp", "nd", "ra", "dhcp"] as const).flatMap((guard) => {
      const found = guard === "arp" ? arp.get(ARP_GUARD) : inet.get(KERNEL_GUARDS[guard]);
      return found === undefined ? [] : { guard, packets: found.packets, bytes: found.bytes };
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
    if (policy.staged !== undefined) await this.#turns.take("", () => this.#programs.stage([policy], signal));
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
      if (this.#netfilter.hasTable(`inet ${CLOSED_TABLE}`)) await this.#host.nft(openScript(), signal);
      if (!this.#isThere) return;
      if (this.#programs.size === 0) {
        await this.#lower(signal);
        return;
      }
      const links = new Set(this.#placements.values().map(({ link }) => link));
      for (const link of this.#leads.links()) if (!links.has(link)) this.#leads.lead(link, undefined);
      await this.#structure.prune(signal);
      const gone = [...this.#setsOfKernel].filter(
        (id) => !LEAD_MAPS.has(id) && !id.startsWith("__") && !this.#sets.owns(id),
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
    this.#sets.create(change.sets);
    await this.#sets.edit(edits);
    try {
      await this.#programs.bring(change.programs, change.endpoints, signal);
    } catch (error) {
      await this.#sets.edit(edits.toReversed().map(({ id, add, remove }) => ({ id, add: remove, remove: add })));
      throw error;
    }
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
      await this.#programs.drop(programsGone, signal);
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
