import { type Clock, errorText, type IpAddress, type Logger } from "@holdfast/core";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { EndpointWiring } from "../../driver.ts";
import {
  announcementFrames,
  gatewayRequests,
  LEARNING_REPETITIONS,
  learningFrame,
  REPETITIONS,
} from "./announcement.ts";
import { networkNumber } from "./network-party.ts";
import { enter, Source, TableId } from "./pipeline/layout.ts";

interface AnnouncerDependencies {
  readonly connection: OpenFlowSwitch;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends all repetitions. */
  readonly signal: AbortSignal;
}

const SCHEDULE = [...REPETITIONS, ...LEARNING_REPETITIONS].sort((a, b) => a - b);

/** Who is announced, and who is asked for in its name. */
export interface Announced {
  readonly wiring: EndpointWiring;
  /** Of its OpenFlow port. */
  readonly port: number;
  /** Of the subnets that its addresses are in; outside of this machine. */
  readonly gateways: readonly IpAddress[];
  /** Whether it is worth going on. */
  readonly isStillHere: () => boolean;
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

  /** Resolves after the first time; says it again as long as the endpoint is here. */
  async announce(announced: Announced): Promise<void> {
    await this.#announce(announced);
    this.#inBackground(announced.wiring, this.#repeat(announced));
  }

  async #repeat(announced: Announced): Promise<void> {
    const { clock, signal } = this.#dependencies;
    const start = clock.monotonic();
    for (const due of SCHEDULE) {
      await clock.wait(Math.max(0, start + due - clock.monotonic()), signal);
      if (!announced.isStillHere()) return;
      if (REPETITIONS.includes(due)) await this.#announce(announced);
      else await this.#learn(announced);
    }
  }

  #learn({ wiring, port, gateways }: Announced): Promise<void> {
    const frames = [learningFrame(wiring.mac), ...gatewayRequests(wiring.mac, wiring.addresses, gateways)];
    return this.#send(wiring, port, TableId.floodRemote, frames);
  }

  #announce({ wiring, port }: Announced): Promise<void> {
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
