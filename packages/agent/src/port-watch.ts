import { errorText, type Logger } from "@holdfast/core";
import type { DatapathDriver, PortEvent } from "@holdfast/datapath";
import type { Book } from "./book.ts";
import type { EndpointChanges } from "./endpoint-changes.ts";
import type { Takedown } from "./takedown.ts";

export interface PortWatchDependencies {
  readonly book: Book;
  readonly driver: DatapathDriver;
  readonly changes: EndpointChanges;
  readonly takedown: Takedown;
  readonly logger: Logger;
}

/**
 * Follows what happens to attached interfaces: an interface that comes up makes its endpoint active and is announced to the neighbours; one
 * that the kernel has removed with its sandbox is taken down, its address stays set aside until the runtime gives it back.
 */
export async function watchPorts(dependencies: PortWatchDependencies, signal: AbortSignal): Promise<void> {
  const { book, driver, changes, takedown, logger } = dependencies;

  async function take(event: PortEvent): Promise<void> {
    const { phase, ifIndex } = book.endpoints.get(event.endpoint) ?? {};
    const fields = event.ifIndex === undefined ? {} : { ifIndex: event.ifIndex };
    switch (event.state) {
      case "up":
        // Of one that was up before: whoever attributes packets has to know.
        if (phase === "active" && ifIndex !== event.ifIndex) changes.pass(event.endpoint, phase, { fields });
        if (phase !== "wired") return;
        await Promise.all([
          driver.announce(event.endpoint, signal),
          changes.step(event.endpoint, "active", { fields }),
        ]);
        return;
      case "gone":
        await takedown.detach(event.endpoint, "the kernel removed its interface with its sandbox", signal);
        return;
      case "down":
        return;
    }
  }

  for await (const event of driver.watch(signal)) {
    try {
      await take(event);
    } catch (error) {
      if (signal.aborted) return;
      logger.error("interface event could not be followed", { ...event, error: errorText(error) });
    }
  }
}
