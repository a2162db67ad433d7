import { errorText, type Reached } from "@holdfast/core";
import type { Kernel } from "@holdfast/netlink";
import type { EndpointWiring, WiredInterface } from "../../driver.ts";
import type { Foundation, Parts } from "./foundation.ts";
import { cookieOf } from "./pipeline/layout.ts";
import type { LinkRow } from "./tables/links.ts";

/** An endpoint that is attached, or being attached. */
export interface Attachment {
  wiring: EndpointWiring;
  readonly link: Promise<LinkRow>;
  /** Once the link bears the endpoint's name. */
  row?: LinkRow;
  /** Its link has been given back, and may be another's by now. */
  linkless?: true;
}

interface Leaving {
  readonly attachment: Attachment;
  readonly flows: ReadonlySet<string>;
}

export interface AttachmentsDependencies {
  readonly foundation: Foundation;
  readonly parts: Parts;
  readonly kernel: Kernel;
  readonly reached: Reached | undefined;
}

/** Milliseconds that a failed attachment waits for its own removal. */
const UNDO_LIMIT = 2000;

/** Which endpoints have which links, from the first step of their attachment until nothing of them forwards any more. */
export class Attachments {
  readonly #foundation: Foundation;
  readonly #parts: Parts;
  readonly #kernel: Kernel;
  readonly #reached: Reached | undefined;
  readonly #attached = new Map<string, Attachment>();
  /** Those whose removal was begun and has not been seen to have happened; with the flows that are to go. */
  readonly #leaving = new Map<string, Leaving>();

  constructor({ foundation, parts, kernel, reached }: AttachmentsDependencies) {
    this.#foundation = foundation;
    this.#parts = parts;
    this.#kernel = kernel;
    this.#reached = reached;
  }

  get(endpoint: string): Attachment | undefined {
    return this.#attached.get(endpoint);
  }

  begin(wiring: EndpointWiring, signal: AbortSignal): Attachment {
    const leaving = this.#leaving.get(wiring.id);
    this.#leaving.delete(wiring.id);
    if (leaving !== undefined) this.#abandon(leaving);
    const attachment: Attachment = { wiring, link: this.#findLink(wiring.id, signal) };
    this.#attached.set(wiring.id, attachment);
    return attachment;
  }

  /** Resolves when nothing is forwarded to or from the endpoint. */
  async end(endpoint: string, signal: AbortSignal): Promise<void> {
    const attachment = this.#attached.get(endpoint);
    if (attachment !== undefined) return await this.#takeDown(attachment, signal);
    const leaving = this.#leaving.get(endpoint);
    // A caller before this one has given up waiting: what he did not see has not happened yet.
    if (leaving !== undefined) return await this.#leave(endpoint, leaving, signal);
    await this.#endUnknown(endpoint, signal);
  }

  /** Takes down what a failed attachment has made; the reconciler goes on with what cannot be done now. */
  async giveUp(attachment: Attachment): Promise<void> {
    try {
      await this.#takeDown(attachment, AbortSignal.timeout(UNDO_LIMIT));
    } catch (error) {
      this.#foundation.logger.warn("attachment is taken down later", {
        endpoint: attachment.wiring.id,
        error: errorText(error),
      });
      const link = await attachment.link.catch(() => undefined);
      if (link !== undefined) this.#discard(attachment, link);
    }
  }

  /** Every link of an endpoint that the kernel has, and endpoints whose link it has not. */
  async inventory(): Promise<readonly WiredInterface[]> {
    const before = [...this.#attached];
    const found = await this.#foundation.pool.inventory();
    const seen = new Set(found.map(({ endpoint }) => endpoint));
    const gone = before.flatMap(([endpoint, attachment]): WiredInterface[] => {
      const { row } = attachment;
      if (row === undefined || seen.has(endpoint) || this.#attached.get(endpoint) !== attachment) return [];
      return [{ endpoint, interface: row.name, state: "gone" }];
    });
    return [...found, ...gone];
  }

  /** The link that an earlier run has given to the endpoint, unless it has vanished since; else a new one. */
  async #findLink(endpoint: string, signal: AbortSignal): Promise<LinkRow> {
    const adopted = this.#foundation.pool.adopt(endpoint);
    if (adopted === undefined) return await this.#foundation.pool.take(signal);
    if ((await this.#kernel.getLink(adopted.name)) !== undefined) return adopted;
    this.#foundation.pool.discard(adopted);
    return await this.#foundation.pool.take(signal);
  }

  async #takeDown(attachment: Attachment, signal: AbortSignal): Promise<void> {
    const { id } = attachment.wiring;
    this.#attached.delete(id);
    const leaving = { attachment, flows: this.#parts.plan.removeLocal(id) };
    this.#leaving.set(id, leaving);
    await this.#leave(id, leaving, signal);
  }

  async #leave(id: string, leaving: Leaving, signal: AbortSignal): Promise<void> {
    const { flows, machine } = this.#parts;
    const [row] = await Promise.all([
      leaving.attachment.link.catch(() => undefined),
      flows.settled(leaving.flows, signal),
      machine.setPorts(id, undefined, signal),
      this.#parts.policy.unbind(id, signal),
    ]);
    this.#reached?.("ovs.detach-stopped");
    if (this.#leaving.get(id) === leaving) this.#leaving.delete(id);
    if (row !== undefined) this.#discard(leaving.attachment, row);
    this.#reached?.("ovs.detach-discarded");
  }

  /** Nobody waits for it any more. Its link may be somebody else's only when no flow of it is left. */
  #abandon({ attachment, flows }: Leaving): void {
    const gone = async (): Promise<void> => {
      const row = await attachment.link;
      await this.#parts.flows.settled(flows, this.#foundation.closing);
      this.#discard(attachment, row);
    };
    gone().catch((error: unknown) => {
      this.#foundation.logger.debug("link stays until the next start", {
        endpoint: attachment.wiring.id,
        error: errorText(error),
      });
    });
  }

  #discard(attachment: Attachment, row: LinkRow): void {
    if (attachment.linkless) return;
    attachment.linkless = true;
    this.#foundation.watch.remove(row.name);
    this.#foundation.qos?.remove(row);
    this.#foundation.pool.discard(row);
  }

  /** An endpoint that an earlier run has attached and that this one was never told of. */
  async #endUnknown(endpoint: string, signal: AbortSignal): Promise<void> {
    const link = this.#foundation.pool.adopt(endpoint);
    if (link === undefined) return;
    const { plan, flows, integration, policy } = this.#parts;
    await policy.forget(link.number);
    const touched = plan.disinherit(link.number);
    await integration.operations.removeCookie(cookieOf("endpoint", link.number), signal);
    await flows.settled(touched, signal);
    this.#foundation.pool.discard(link);
  }
}
