import { HoldfastError } from "@holdfast/core";
import type { Connection, Listener } from "./connection.ts";
import { barrierRequest, bundleAdd, bundleControl } from "./messages.ts";
import { BundleControl, MessageType } from "./protocol.ts";
import { type Reply, readBundleControlType, readErrorName } from "./replies.ts";

/** What the switch refused: the flow_mod with this index, or (undefined) the bundle itself. */
export interface Refusal {
  readonly index: number | undefined;
  /** Name of the OpenFlow error, e.g. `"OFPBMC_BAD_PREREQ"`. */
  readonly error: string;
}

/**
 * Sends flow_mods, whose transaction ids it sets, as one atomic, ordered bundle (OpenFlow 1.4 section 6.9); resolves when it is committed and a barrier is
 * answered, or with what the switch refused, and then nothing of it is in effect.
 *
 * Two round trips: a message that the switch cannot read is refused when it is added, and the bundle would commit without it, so the
 * commit waits until everything is known to be in.
 *
 * @throws HoldfastError `unavailable`: the connection ended; whether the bundle was committed is not known.
 */
export async function commitBundle(connection: Connection, mods: readonly Buffer[]): Promise<readonly Refusal[]> {
  if (!connection.open) throw new HoldfastError("unavailable", "the OpenFlow connection has ended");
  const exchange = new BundleExchange(connection, mods.length);
  try {
    return await exchange.run(mods);
  } finally {
    exchange.end();
  }
}

class BundleExchange implements Listener {
  readonly #connection: Connection;
  readonly #count: number;
  /** Transaction ids: open, one per flow_mod, close, commit or discard, barrier. */
  readonly #first: number;
  readonly #refusals: Refusal[] = [];
  #awaited: number | undefined;
  #lost: HoldfastError | undefined;
  #step = Promise.withResolvers<void>();

  constructor(connection: Connection, count: number) {
    this.#connection = connection;
    this.#count = count;
    this.#first = connection.takeXids(count + 4);
    connection.listen(this.#first, count + 4, this);
  }

  async run(mods: readonly Buffer[]): Promise<readonly Refusal[]> {
    const bundle = this.#first;
    const [close, end, barrier] = [1, 2, 3].map((offset) => this.#first + this.#count + offset) as [
      number,
      number,
      number,
    ];
    const messages = [bundleControl(this.#first, bundle, BundleControl.openRequest)];
    for (const [index, mod] of mods.entries()) {
      const xid = this.#first + 1 + index;
      messages.push(bundleAdd(xid, bundle, mod));
    }
    messages.push(bundleControl(close, bundle, BundleControl.closeRequest));
    await this.#send(close, messages);
    const last = this.#refusals.length === 0 ? BundleControl.commitRequest : BundleControl.discardRequest;
    await this.#send(barrier, [bundleControl(end, bundle, last), barrierRequest(barrier)]);
    return this.#refusals;
  }

  reply(reply: Reply): void {
    if (reply.type === MessageType.error) this.#refused(reply);
    if (reply.xid !== this.#awaited) return;
    if (reply.type === MessageType.bundleControl && readBundleControlType(reply.body) % 2 === 0) return;
    this.#step.resolve();
  }

  lost(error: HoldfastError): void {
    this.#lost = error;
    this.#step.reject(error);
  }

  end(): void {
    this.#connection.forget(this.#first, this.#count + 4);
  }

  #send(awaited: number, messages: readonly Buffer[]): Promise<void> {
    // Between two steps nobody waits who could be told.
    if (this.#lost !== undefined) return Promise.reject(this.#lost);
    this.#awaited = awaited;
    this.#step = Promise.withResolvers<void>();
    this.#connection.send(...messages);
    return this.#step.promise;
  }

  #refused(reply: Reply): void {
    const error = readErrorName(reply.body);
    const index = reply.xid - this.#first - 1;
    // After the error of a flow_mod the commit fails with MSG_FAILED, which says nothing new.
    if (index >= 0 && index < this.#count) this.#refusals.push({ index, error });
    else if (this.#refusals.length === 0) this.#refusals.push({ index: undefined, error });
  }
}
