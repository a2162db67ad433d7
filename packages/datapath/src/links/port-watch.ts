import type { KernelEvent, Link } from "@holdfast/netlink";
import type { PortEvent } from "../driver.ts";
import { Channel } from "./channel.ts";

/** What the kernel says of endpoints' links, for those who watch. */
export class PortWatch {
  readonly #endpoints = new Map<string, string>();
  readonly #states = new Map<string, PortEvent>();
  readonly #watchers = new Set<Channel<PortEvent>>();

  /** From now on the link is the endpoint's. */
  add(link: string, endpoint: string): void {
    this.#endpoints.set(link, endpoint);
  }

  remove(link: string): void {
    const endpoint = this.#endpoints.get(link);
    this.#endpoints.delete(link);
    if (endpoint !== undefined) this.#states.delete(endpoint);
  }

  /** The state of each, then each change. */
  watch(signal: AbortSignal): AsyncIterable<PortEvent> {
    const channel = new Channel<PortEvent>(signal);
    for (const event of this.#states.values()) channel.push(event);
    this.#watchers.add(channel);
    signal.addEventListener("abort", () => this.#watchers.delete(channel), { once: true });
    return channel;
  }

  /** All links as they are now. */
  list(links: ReadonlyMap<string, Link>): void {
    for (const name of this.#endpoints.keys()) this.#observe(name, links.get(name));
  }

  see(event: KernelEvent): void {
    if (event.kind === "link") this.#observe(event.link.name, event.link);
    if (event.kind === "link-gone") this.#observe(event.name, undefined);
  }

  #observe(name: string, link: Link | undefined): void {
    const endpoint = this.#endpoints.get(name);
    if (endpoint === undefined) return;
    const event: PortEvent =
      link === undefined
        ? { endpoint, state: "gone" }
        : { endpoint, state: link.carrier ? "up" : "down", ifIndex: link.index };
    const before = this.#states.get(endpoint);
    if (before?.state === event.state && before.ifIndex === event.ifIndex) return;
    this.#states.set(endpoint, event);
    for (const watcher of this.#watchers) watcher.push(event);
  }
}
