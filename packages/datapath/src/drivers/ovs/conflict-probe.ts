import { type Clock, HoldfastError, isHoldfastError, type MacAddress, timeLimit } from "@holdfast/core";
import type { OpenFlowSwitch } from "@holdfast/openflow";
import type { AddressConflict, AddressQuestion } from "../../driver.ts";
import type { Table } from "../../reconcile/table.ts";
import { probeFrame, readWitness } from "./conflict-frames.ts";
import { type FlowRow, flowRows } from "./flow-row.ts";
import { conflictWatch } from "./pipeline/conflict-watch.ts";
import { cookieOf, toUplink } from "./pipeline/layout.ts";
import type { NetworkParty } from "./pipeline/parties.ts";

interface ConflictProbeDependencies {
  readonly connection: OpenFlowSwitch;
  readonly flows: Table<FlowRow>;
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** What this node asks with. */
  readonly mac: MacAddress;
}

/** One who looks for addresses in a network. */
interface Search {
  readonly question: AddressQuestion;
  readonly found: (conflict: AddressConflict) => void;
}

/** Milliseconds that the switch has to take the flows, and each frame: its usual time is one. */
const SWITCH_LIMIT = 500;

/** Asks in VLANs whether somebody has an address: out of the uplink, over the switch's connection, and hears the answers over it. */
export class ConflictProbe {
  readonly #dependencies: ConflictProbeDependencies;
  /** By the cookie of their network's flows. */
  readonly #searches = new Map<bigint, Set<Search>>();

  constructor(dependencies: ConflictProbeDependencies) {
    this.#dependencies = dependencies;
    dependencies.connection.listen(({ cookie, frame }) => this.#hear(cookie, frame));
  }

  /** @throws as `probe` of the driver. */
  async ask(
    network: NetworkParty,
    question: AddressQuestion,
    signal: AbortSignal,
  ): Promise<readonly AddressConflict[]> {
    const { reach, number } = network;
    if (reach.kind !== "vlan") throw impossible("this node has no uplink to the VLAN");
    if (!this.#dependencies.connection.connected) throw impossible("the switch is not connected");
    const { flows, clock } = this.#dependencies;
    const party = { number, vlan: reach.vlan };
    const cookie = cookieOf("probe", number);
    const rows = question.addresses.flatMap((address) => flowRows(conflictWatch(party, address), cookie));
    const { promise: hit, resolve: found } = Promise.withResolvers<AddressConflict>();
    const search: Search = { question, found };
    const searches = this.#searches.get(cookie) ?? new Set();
    this.#searches.set(cookie, searches.add(search));
    const over = new AbortController();
    try {
      for (const row of rows) flows.set(row);
      const keys = rows.map(({ key }) => key);
      const limit = timeLimit(clock, SWITCH_LIMIT, signal, over.signal);
      await inTime(orAborted(flows.settled(keys, limit), limit), signal);
      const asking = this.#askAll(reach.vlan, question, AbortSignal.any([signal, over.signal]));
      asking.catch(() => undefined);
      return await Promise.race([hit.then((conflict) => [conflict]), asking.then(() => [])]);
    } finally {
      over.abort();
      searches.delete(search);
      if (searches.size === 0) this.#searches.delete(cookie);
      for (const { key } of rows) flows.delete(key);
    }
  }

  /** Each time somewhat later than planned, so that nodes that start together do not ask together; ends when the time for answers is over. */
  async #askAll(
    vlan: number,
    { addresses, probes, milliseconds }: AddressQuestion,
    signal: AbortSignal,
  ): Promise<void> {
    const { clock, random, mac, connection } = this.#dependencies;
    const start = clock.monotonic();
    const interval = milliseconds / probes;
    const at = (due: number): Promise<void> => clock.wait(Math.max(0, start + due - clock.monotonic()), signal);
    for (let turn = 0; turn < probes; turn++) {
      await at((turn + random() / 2) * interval);
      for (const address of addresses) {
        const sent = connection.packetOut({ frame: probeFrame(mac, address), actions: toUplink(vlan) });
        await inTime(orAborted(sent, timeLimit(clock, SWITCH_LIMIT, signal)), signal);
      }
    }
    await at(milliseconds);
  }

  #hear(cookie: bigint, frame: Uint8Array): void {
    const searches = this.#searches.get(cookie);
    const witness = searches === undefined ? undefined : readWitness(frame);
    if (searches === undefined || witness === undefined || witness.mac === this.#dependencies.mac) return;
    for (const { question, found } of searches) {
      // The endpoint's own MAC is where the address was before, and will be.
      if (question.addresses.includes(witness.address) && witness.mac !== question.mac) found(witness);
    }
  }
}

function impossible(why: string, cause?: unknown): HoldfastError {
  return new HoldfastError("unavailable", `addresses cannot be looked for in the VLAN: ${why}`, { cause });
}

/** That the switch is slow is no word on the address; that the caller has had enough is. */
async function inTime(work: Promise<void>, signal: AbortSignal): Promise<void> {
  try {
    await work;
  } catch (error) {
    signal.throwIfAborted();
    if (isHoldfastError(error, "unavailable")) throw error;
    throw impossible("the switch does not answer", error);
  }
}

function orAborted(work: Promise<void>, signal: AbortSignal): Promise<void> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  return Promise.race([work, promise]);
}
