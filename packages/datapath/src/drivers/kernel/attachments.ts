import { errorText, IpAddress } from "@holdfast/core";
import type { WiredNetwork } from "@holdfast/model";
import type { Neighbour } from "@holdfast/netlink";
import type { EndpointWiring, WiredInterface } from "../../driver.ts";
import { GATEWAY_MAC } from "../../links/gateway-mac.ts";
import { readAlias } from "../../links/link-alias.ts";
import type { Ground } from "./ground.ts";
import type { VethRow } from "./tables/veths.ts";

/** An endpoint that is attached, or being attached. */
export interface Attachment {
  wiring: EndpointWiring;
  readonly row: Promise<VethRow>;
  /** Once it is wired. */
  link?: string;
  /** Keys of its neighbours. */
  neighbours: ReadonlySet<string>;
  /** Its link goes, or has gone. */
  linkless?: true;
}

interface Leaving {
  readonly attachment: Attachment;
  readonly routes: ReadonlySet<string>;
}

/** Milliseconds that a failed attachment waits for its own removal. */
const UNDO_LIMIT = 2000;

/** Which endpoints have which links, from the first step of their attachment until nothing of them forwards any more. */
export class Attachments {
  readonly #ground: Ground;
  readonly #attached = new Map<string, Attachment>();
  /** Those whose removal was begun and has not been seen to have happened. */
  readonly #leaving = new Map<string, Leaving>();
  /** Links on their way out, which carry nothing any more. */
  readonly #discarded = new Set<string>();

  constructor(ground: Ground) {
    this.#ground = ground;
  }

  get(endpoint: string): Attachment | undefined {
    return this.#attached.get(endpoint);
  }

  begin(wiring: EndpointWiring, network: WiredNetwork): Attachment {
    const leaving = this.#leaving.get(wiring.id);
    // Nobody has seen it gone, and its routes lead to the new link at once.
    if (leaving !== undefined) this.#abandon(wiring.id, leaving);
    const attachment: Attachment = { wiring, row: this.#findLink(wiring, network), neighbours: new Set() };
    this.#attached.set(wiring.id, attachment);
    return attachment;
  }

  /** Sets the endpoint's MAC for each of its addresses. Gives what waits for it. */
  setNeighbours(attachment: Attachment, link: string): (signal: AbortSignal) => Promise<void> {
    const { neighbours } = this.#ground;
    const { addresses, mac } = attachment.wiring;
    const rows = addresses.map((address): Neighbour => ({ link, address, mac, state: "permanent" }));
    const keys = new Set(rows.map((row) => `${row.link} ${row.address}`));
    for (const key of attachment.neighbours.difference(keys)) neighbours.delete(key);
    for (const row of rows) neighbours.set(row);
    attachment.neighbours = keys;
    return (signal) => neighbours.settled(keys, signal);
  }

  wired(attachment: Attachment, row: VethRow): void {
    attachment.link = row.name;
    this.#ground.creatable.delete(row.name);
  }

  /** Resolves when nothing is forwarded to or from the endpoint. */
  async end(endpoint: string, signal: AbortSignal): Promise<void> {
    const attachment = this.#attached.get(endpoint);
    if (attachment !== undefined) {
      this.#attached.delete(endpoint);
      this.#leaving.set(endpoint, { attachment, routes: this.#ground.places.remove(endpoint) });
    }
    const leaving = this.#leaving.get(endpoint);
    // A caller before this one may have given up waiting: what he did not see has not happened yet.
    if (leaving !== undefined) await this.#leave(endpoint, leaving, signal);
    else await this.#endUnknown(endpoint, signal);
  }

  /** Takes down what a failed attachment has made; the reconciler goes on with what cannot be done now. */
  async giveUp(endpoint: string): Promise<void> {
    try {
      await this.end(endpoint, AbortSignal.timeout(UNDO_LIMIT));
    } catch (error) {
      this.#ground.logger.warn("attachment is taken down later", { endpoint, error: errorText(error) });
      const leaving = this.#leaving.get(endpoint);
      if (leaving !== undefined) this.#abandon(endpoint, leaving);
    }
  }

  /** What an earlier run has left and nobody has attached again was removed. */
  forgetUnclaimed(): void {
    this.#ground.unclaimed.clear();
  }

  /** Every link of an endpoint that the kernel has, and endpoints whose link it has not; but those that are on their way out. */
  async inventory(): Promise<readonly WiredInterface[]> {
    const before = [...this.#attached];
    // One that goes while the kernel is asked is forgotten here by the time of its answer.
    const leaving = new Set(this.#discarded);
    const links = await this.#ground.kernel.listLinks();
    for (const name of this.#discarded) leaving.add(name);
    const found = links.flatMap((link): WiredInterface[] => {
      const owner = readAlias(link.alias);
      const isOurs = this.#ground.names.linkNumber(link.name) !== undefined && !leaving.has(link.name);
      if (owner?.kind !== "endpoint" || !isOurs) return [];
      return [{ endpoint: owner.endpoint, interface: link.name, state: link.carrier ? "up" : "down" }];
    });
    const seen = new Set(found.map(({ endpoint }) => endpoint));
    const gone = before.flatMap(([endpoint, attachment]): WiredInterface[] => {
      if (attachment.link === undefined || seen.has(endpoint) || this.#attached.get(endpoint) !== attachment) return [];
      return [{ endpoint, interface: attachment.link, state: "gone" }];
    });
    return [...found, ...gone];
  }

  /** The link that an earlier run has given to the endpoint, unless it has vanished since; else a new one. */
  async #findLink({ id, mac, addresses, sandbox }: EndpointWiring, { mtu }: WiredNetwork): Promise<VethRow> {
    const { kernel, unclaimed, names, numbers, creatable } = this.#ground;
    const known = unclaimed.get(id);
    unclaimed.delete(id);
    const found = known === undefined ? undefined : await kernel.getLink(known);
    const v6 = addresses.some((address) => IpAddress.family(address) === "v6") ? { v6: true as const } : {};
    if (found !== undefined) {
      const { name, mac: hostMac = GATEWAY_MAC } = found;
      return { name, hostMac, peer: names.peer(names.linkNumber(name) ?? 0), endpoint: id, mac, mtu, ...v6 };
    }
    const number = numbers.take();
    const place =
      sandbox === undefined ? { peer: names.peer(number) } : { peer: sandbox.interfaceName, sandbox: sandbox.path };
    const row = { name: names.link(number), hostMac: GATEWAY_MAC, endpoint: id, mac, mtu, ...place, ...v6 };
    creatable.add(row.name);
    return row;
  }

  async #leave(endpoint: string, leaving: Leaving, signal: AbortSignal): Promise<void> {
    const { routes, side, neighbours, owners } = this.#ground;
    for (const key of leaving.attachment.neighbours) neighbours.delete(key);
    const row = await leaving.attachment.row.catch(() => undefined);
    if (row !== undefined) owners?.delete(row.name);
    await Promise.all([
      routes.settled(leaving.routes, signal),
      row && owners?.settled([row.name], signal),
      side.setPorts(endpoint, undefined, signal),
    ]);
    this.#ground.reached?.("kernel.detach-stopped");
    if (this.#leaving.get(endpoint) === leaving) this.#leaving.delete(endpoint);
    if (row !== undefined) this.#discardOf(leaving.attachment, row);
    this.#ground.reached?.("kernel.detach-discarded");
  }

  /** Nobody waits for it any more: the reconciler goes on with the rest, and the link goes. */
  #abandon(endpoint: string, { attachment }: Leaving): void {
    this.#leaving.delete(endpoint);
    attachment.row.then(
      (row) => this.#discardOf(attachment, row),
      () => undefined,
    );
  }

  #discardOf(attachment: Attachment, row: VethRow): void {
    if (attachment.linkless) return;
    attachment.linkless = true;
    this.#discard(row);
  }

  /** An endpoint that an earlier run has attached and that this one was never told of. */
  async #endUnknown(endpoint: string, signal: AbortSignal): Promise<void> {
    const { unclaimed, routesOfKernel, names } = this.#ground;
    const name = unclaimed.get(endpoint);
    const number = name === undefined ? undefined : names.linkNumber(name);
    if (name === undefined || number === undefined) return;
    unclaimed.delete(endpoint);
    const orphans = [...routesOfKernel.present.values()].filter(({ to }) => "link" in to && to.link === name);
    await routesOfKernel.definition.operations.remove(orphans, signal);
    const link = await this.#ground.kernel.getLink(name);
    if (link?.mac === undefined) return;
    this.#discard({ name, hostMac: link.mac, peer: names.peer(number), endpoint, mac: link.mac, mtu: link.mtu });
    // The guard's elements let its packets pass, and only who has written them knows which those are.
    await this.#ground.veths.settled([name], signal);
  }

  /** The link goes in the background. If this run dies before, the next one finds it with the alias of an endpoint that nobody attaches. */
  #discard(row: VethRow): void {
    const { veths, watch, numbers, names, creatable, policy, qos, logger } = this.#ground;
    watch.remove(row.name);
    this.#ground.owners?.delete(row.name);
    creatable.delete(row.name);
    this.#discarded.add(row.name);
    qos?.remove(row.name);
    veths.set(row);
    veths.delete(row.name);
    veths.settled([row.name], this.#ground.closing).then(
      () => {
        this.#discarded.delete(row.name);
        policy?.dismiss(row.endpoint, row.name);
        numbers.release(names.linkNumber(row.name) ?? 0);
      },
      // Tried again until it works, but the number is then never given again.
      (error: unknown) => logger.debug("link stays", { interface: row.name, error: errorText(error) }),
    );
  }
}
