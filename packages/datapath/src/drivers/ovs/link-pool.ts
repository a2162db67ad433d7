import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { Kernel, Link } from "@holdfast/netlink";
import type { OpenVSwitch } from "@holdfast/ovsdb";
import type { WiredInterface } from "../../driver.ts";
import { readAlias } from "../../links/link-alias.ts";
import { linksByName } from "../../links/links-by-name.ts";
import type { Numbers } from "../../links/numbers.ts";
import type { Table } from "../../reconcile/table.ts";
import { cleanLink, correctLink, dressLink, type LinkOwner } from "./link-dress.ts";
import type { OvsSettings } from "./options.ts";
import { OWNER_ENDPOINT } from "./ownership.ts";
import { QuietTime } from "./quiet-time.ts";
import type { LinkRow } from "./tables/links.ts";

interface PoolDependencies {
  readonly kernel: Kernel;
  readonly ovs: OpenVSwitch;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly numbers: Numbers;
}

type State =
  /** Plugged, or being plugged, and free. */
  | { readonly kind: "spare" }
  /** Of an endpoint that an earlier run has attached and that nobody has attached again yet. */
  | { readonly kind: "known"; readonly endpoint: string }
  /** Taken by somebody who waits until it is plugged. */
  | { readonly kind: "awaited" }
  /** `fresh`: nobody has set anything on it yet. */
  | { readonly kind: "taken"; readonly fresh: boolean }
  /** To be used again, or unplugged and deleted. */
  | { readonly kind: "leaving" };

interface Pooled {
  readonly row: LinkRow;
  state: State;
}

/** To unplug one takes ovs-vswitchd some 15 to 30 ms; while the kernel deletes the links of a batch it forwards and takes flows. */
const UNPLUGGED_AT_ONCE = 4;

/**
 * Interfaces that are plugged into the switch before anybody needs them.
 *
 * To plug one takes ovs-vswitchd 6 ms and more with each port that it has, 30 ms at 200; during that it neither takes flows nor, in
 * user space, forwards. So interfaces are plugged in batches while nobody attaches, and an attachment only names and addresses one.
 * For the same reason ports are unplugged, and endpoints written into the switch's database, in batches later.
 */
export class LinkPool {
  readonly #dependencies: PoolDependencies;
  readonly #settings: OvsSettings;
  readonly #links = new Map<string, Pooled>();
  readonly #quiet: QuietTime;
  readonly #labels = new Map<string, string>();
  /** Links that are being unplugged just now: the pool does not have any more and the kernel still may. */
  readonly #unplugging = new Set<string>();
  #table: Table<LinkRow> | undefined;

  constructor(dependencies: PoolDependencies, settings: OvsSettings) {
    this.#dependencies = dependencies;
    this.#settings = settings;
    this.#quiet = new QuietTime(dependencies.clock);
  }

  /** Finds what an earlier run has left, and goes on with this table. */
  async recover(table: Table<LinkRow>): Promise<void> {
    const { ovs, kernel, numbers } = this.#dependencies;
    this.#table = table;
    for (const { ofport = 0, ofportRequest = 0 } of ovs.interfaces().values()) {
      for (const number of [ofport, ofportRequest]) if (number > 0) numbers.reserve(number);
    }
    const links = await linksByName(kernel);
    for (const link of links.values()) this.#recoverLink(link, links);
    this.#quiet.hurry();
  }

  /** Only what is free: an endpoint's link that has vanished must not come back, nobody would have its other end. */
  mayCreate(row: LinkRow): boolean {
    const state = this.#links.get(row.name)?.state.kind;
    return state === "spare" || state === "awaited";
  }

  /** The link that an earlier run has given to the endpoint. */
  adopt(endpoint: string): LinkRow | undefined {
    for (const pooled of this.#links.values()) {
      if (pooled.state.kind !== "known" || pooled.state.endpoint !== endpoint) continue;
      pooled.state = { kind: "taken", fresh: false };
      this.#label(pooled.row.name, endpoint);
      return pooled.row;
    }
    return undefined;
  }

  /** A plugged link of nobody: one that waits, or a new one. */
  async take(signal: AbortSignal): Promise<LinkRow> {
    signal.throwIfAborted();
    const spares = this.#spares();
    const pooled = spares.find(({ row }) => this.#rows.isDone(row.name)) ?? spares[0] ?? this.#add();
    await this.#await(pooled, signal);
    this.#quiet.touch();
    if (spares.length <= this.#settings.spares / 4) this.#quiet.hurry();
    return pooled.row;
  }

  /** Gives the link its endpoint's name, MAC and MTU. Touches nothing that is so already or has gone into the sandbox. */
  async assign(row: LinkRow, endpoint: LinkOwner): Promise<void> {
    const pooled = this.#links.get(row.name);
    if (pooled?.state.kind !== "taken") return;
    const { kernel } = this.#dependencies;
    if (pooled.state.fresh) {
      await dressLink(kernel, row, endpoint);
      pooled.state = { kind: "taken", fresh: false };
    } else {
      await correctLink(kernel, row, endpoint);
    }
    this.#label(row.name, endpoint.id);
  }

  /** Whether its endpoint arrives just now: nobody has set anything on it yet. */
  isFresh(row: LinkRow): boolean {
    const state = this.#links.get(row.name)?.state;
    return state?.kind === "taken" && state.fresh;
  }

  /**
   * Nobody needs the link any more: it goes when there is time. If this run dies before, the next one finds it with the alias of an
   * endpoint that nobody attaches again. Nothing is changed now: a link event keeps ovs-vswitchd from flows for as long as a new port.
   */
  discard(row: LinkRow): void {
    const pooled = this.#links.get(row.name);
    if (pooled === undefined || pooled.state.kind === "leaving") return;
    pooled.state = { kind: "leaving" };
    this.#labels.delete(row.name);
    this.#quiet.touch();
  }

  /** Every link of an endpoint that the kernel has, but those that are on their way out. */
  async inventory(): Promise<readonly WiredInterface[]> {
    // One that goes while the kernel is asked is forgotten here by the time of its answer.
    const leaving = this.#leavingLinks();
    const links = await linksByName(this.#dependencies.kernel);
    for (const name of this.#leavingLinks()) leaving.add(name);
    return [...links.values()].flatMap((link): WiredInterface[] => {
      const owner = readAlias(link.alias);
      const isOurs = this.#settings.names.linkNumber(link.name) !== undefined;
      if (owner?.kind !== "endpoint" || !isOurs || leaving.has(link.name)) return [];
      return [{ endpoint: owner.endpoint, interface: link.name, state: link.carrier ? "up" : "down" }];
    });
  }

  #leavingLinks(): Set<string> {
    const waiting = [...this.#links].flatMap(([name, { state }]) => (state.kind === "leaving" ? name : []));
    return new Set([...waiting, ...this.#unplugging]);
  }

  /** The desired state is complete: links of endpoints that nobody has attached again are to go. */
  complete(): void {
    for (const pooled of this.#links.values()) if (pooled.state.kind === "known") pooled.state = { kind: "leaving" };
    this.#quiet.hurry();
  }

  /** The job that does the slow work in quiet times. */
  async run(signal: AbortSignal): Promise<void> {
    while (await this.#quiet.next(signal)) {
      await this.#takeBack();
      this.#unplugSome();
      for (const [name, endpoint] of this.#labels) {
        const row = this.#links.get(name)?.row;
        if (row !== undefined) this.#rows.set({ ...row, endpoint });
      }
      this.#labels.clear();
      this.#refill();
    }
  }

  get #rows(): Table<LinkRow> {
    if (this.#table === undefined) throw new TypeError("bug: the pool is used before it has recovered");
    return this.#table;
  }

  #recoverLink(link: Link, links: ReadonlyMap<string, Link>): void {
    const { names } = this.#settings;
    const number = names.linkNumber(link.name);
    if (number === undefined) return;
    this.#dependencies.numbers.reserve(number);
    const row = { name: link.name, peer: names.peer(number), number };
    const owner = readAlias(link.alias);
    if (owner?.kind === "endpoint") {
      this.#insert(row, { kind: "known", endpoint: owner.endpoint });
      this.#rows.set(this.#recorded(row));
    } else if (owner?.kind === "spare" && links.get(row.peer)?.index === link.peer) {
      this.#insert(row, { kind: "spare" });
      this.#rows.set(row);
    } else if (owner !== undefined) {
      this.#insert(row, { kind: "leaving" });
    }
  }

  /** With what the switch's database says of the endpoint, so that nothing changes. */
  #recorded(row: LinkRow): LinkRow {
    const endpoint = this.#dependencies.ovs.interfaces().get(row.name)?.externalIds.get(OWNER_ENDPOINT);
    return endpoint === undefined ? row : { ...row, endpoint };
  }

  #label(name: string, endpoint: string): void {
    this.#labels.set(name, endpoint);
    this.#quiet.touch();
  }

  async #await(pooled: Pooled, signal: AbortSignal): Promise<void> {
    pooled.state = { kind: "awaited" };
    try {
      await this.#rows.settled([pooled.row.name], signal);
      pooled.state = { kind: "taken", fresh: true };
    } catch (error) {
      pooled.state = { kind: "leaving" };
      throw error;
    }
  }

  #add(): Pooled {
    const { names } = this.#settings;
    const number = this.#dependencies.numbers.take();
    const pooled = this.#insert({ name: names.link(number), peer: names.peer(number), number }, { kind: "spare" });
    this.#rows.set(pooled.row);
    return pooled;
  }

  #spares(): readonly Pooled[] {
    return [...this.#links.values()].filter(({ state }) => state.kind === "spare");
  }

  #insert(row: LinkRow, state: State): Pooled {
    const pooled: Pooled = { row, state };
    this.#links.set(row.name, pooled);
    return pooled;
  }

  /**
   * Links whose far end the runtime has given back become spares again: to make and to delete one keeps the kernel's one lock for all links
   * for some 30 ms, for which every container of the machine that starts or stops has to wait.
   *
   * What a sandbox can have left on the far end: addresses, routes and queueing disciplines go when it leaves the sandbox's namespace
   * (dev_change_net_namespace, net/core/dev.c); name, MAC and MTU are given again; offloads are turned off again.
   */
  async #takeBack(): Promise<void> {
    const leaving = [...this.#links.values()].filter(({ state }) => state.kind === "leaving");
    let room = this.#settings.spares - this.#spares().length;
    for (const pooled of leaving) {
      if (room <= 0) return;
      if (!(await this.#isClean(pooled.row))) continue;
      pooled.state = { kind: "spare" };
      this.#rows.set(pooled.row);
      room -= 1;
    }
  }

  async #isClean(row: LinkRow): Promise<boolean> {
    const { kernel, logger } = this.#dependencies;
    try {
      return await cleanLink(kernel, row, { offloads: this.#settings.datapathType !== "netdev" });
    } catch (error) {
      logger.debug("link cannot be used again", { interface: row.name, error: errorText(error) });
      return false;
    }
  }

  /** A few at a time: meanwhile others may be wanted again, and whoever attaches waits for these few only. */
  #unplugSome(): void {
    for (const [name, { row, state }] of this.#links) {
      if (this.#unplugging.size >= UNPLUGGED_AT_ONCE) return;
      if (state.kind !== "leaving") continue;
      this.#rows.set(row);
      this.#rows.delete(name);
      this.#links.delete(name);
      this.#unplugging.add(name);
      this.#rows
        .settled([name], new AbortController().signal)
        .then(
          () => this.#dependencies.numbers.release(row.number),
          // Tried again until it works, but the number is then never given again.
          (error: unknown) =>
            this.#dependencies.logger.debug("link stays", { interface: name, error: errorText(error) }),
        )
        .finally(() => {
          this.#unplugging.delete(name);
          if (this.#unplugging.size === 0) this.#quiet.resume();
        });
    }
  }

  #refill(): void {
    for (let count = this.#spares().length; count < this.#settings.spares; count++) this.#add();
  }
}
