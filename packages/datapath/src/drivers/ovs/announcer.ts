import { type Clock, errorText, type Logger } from "@holdfast/core";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { EndpointWiring } from "../../driver.ts";
import { announcementFrames, learningFrame, REPETITIONS } from "./announcement.ts";
import { networkNumber } from "./network-party.ts";
import { enter, Source, TableId } from "./pipeline/layout.ts";

interface AnnouncerDependencies {
  readonly connection: OpenFlowSwitch;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends all repetitions. */
  readonly signal: AbortSignal;
}

/** Sends frames in the name of endpoints, through the flows of their networks. */
export class Announcer {
  readonly #dependencies: AnnouncerDependencies;

  constructor(dependencies: AnnouncerDependencies) {
    this.#dependencies = dependencies;
  }

  /**
   * Before the endpoint is up, switches outside learn that its MAC is here: else the answers to its first questions go to where it was,
   * and it asks again after a second only. Nobody waits for it.
   */
  claim(wiring: EndpointWiring, port: number): void {
    this.#inBackground(wiring, this.#send(wiring, port, TableId.floodRemote, [learningFrame(wiring.mac)]));
  }

  /** Resolves after the first time; says it again as long as `isStillHere` says so. */
  async announce(wiring: EndpointWiring, port: number, isStillHere: () => boolean): Promise<void> {
    await this.#announce(wiring, port);
    this.#inBackground(wiring, this.#repeat(wiring, port, isStillHere));
  }

  async #repeat(wiring: EndpointWiring, port: number, isStillHere: () => boolean): Promise<void> {
    const { clock, signal } = this.#dependencies;
    const start = clock.monotonic();
    for (const due of REPETITIONS) {
      await clock.wait(Math.max(0, start + due - clock.monotonic()), signal);
      if (!isStillHere()) return;
      await this.#announce(wiring, port);
    }
  }

  #announce(wiring: EndpointWiring, port: number): Promise<void> {
    const { mac, addresses } = wiring;
    const frames = [learningFrame(mac), ...announcementFrames(mac, addresses)];
    return this.#send(wiring, port, TableId.destination, frames);
  }

  async #send(wiring: EndpointWiring, inPort: number, table: number, frames: readonly Uint8Array[]): Promise<void> {
    const actions = enter(networkNumber(wiring.network), Source.inside, table);
    for (const frame of frames) await this.#dependencies.connection.packetOut({ frame, actions, inPort });
  }

  /** Such frames may get lost like any other; a switch that is away has other worries. */
  #inBackground({ id }: EndpointWiring, work: Promise<void>): void {
    work.catch((error: unknown) => {
      this.#dependencies.logger.debug("not announced", { endpoint: id, error: errorText(error) });
    });
  }
}
